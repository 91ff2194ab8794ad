package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

// Policies lists the versions of the policy, the newest first, with the token of the next page. The caller
// must hold policy.read or policy.apply.
func (e *Engine) Policies(ctx context.Context, caller clientauth.Caller, limit int, page string) ([]Policy, string, error) {
	if err := e.requireReader(caller); err != nil {
		return nil, "", err
	}
	list := listOf("policies")
	version, err := list.number(page, 0)
	if err != nil {
		return nil, "", err
	}
	var out []Policy
	err = e.store.View(ctx, func(r store.Reader) error {
		meta, err := r.Meta()
		if err != nil {
			return err
		}
		if version == 0 || version > meta.Policy {
			version = meta.Policy
		}
		for ; version > 0 && len(out) < limit; version-- {
			record, err := r.Policy(version)
			if err != nil {
				return err
			}
			record.YAML = bytes.Clone(record.YAML)
			out = append(out, Policy(record))
		}
		return nil
	})
	if err != nil {
		return nil, "", unavailable("store", err)
	}
	if version == 0 {
		return out, "", nil
	}
	return out, list.numbered(version), nil
}

// Limits on what a comparison says, so that any answer fits into a message.
const (
	maxUnified     = 1 << 20 // bytes
	maxDifferences = 1 << 20 // bytes of all their words
)

// DiffPolicy compares a version, 0 for the current one, with another or with a document. The caller must
// hold policy.read or policy.apply.
func (e *Engine) DiffPolicy(ctx context.Context, caller clientauth.Caller, req DiffRequest) (PolicyDiff, error) {
	from, err := e.Policy(ctx, caller, req.From)
	if err != nil {
		return PolicyDiff{}, err
	}
	to, name := req.YAML, policyFile
	if to == nil {
		other, err := e.Policy(ctx, caller, req.To)
		if err != nil {
			return PolicyDiff{}, err
		}
		to, name = other.YAML, versionFile(other.Version)
	} else if problems := policy.Secrets(to, name); problems != nil {
		return PolicyDiff{}, Refuse(InvalidRequest, "policy_problems", "a document holds what looks like a token or a secret").because(problems)
	}
	unified, err := unifiedDiff(versionFile(from.Version), name, string(from.YAML), string(to))
	if err != nil {
		return PolicyDiff{}, err
	}
	items, err := policy.Differences(from.YAML, to, policyFile)
	if problems, ok := errors.AsType[*policy.Problems](err); ok {
		return PolicyDiff{}, Refuse(InvalidRequest, "policy_problems", "a document can't be read").because(problems)
	}
	return PolicyDiff{Unified: unified, Items: fewEnough(items)}, err
}

func versionFile(version uint64) string { return fmt.Sprintf("%s (version %d)", policyFile, version) }

// unifiedDiff is by whole lines. What is longer than a message may be ends with a line that says so.
func unifiedDiff(oldName, newName, older, newer string) (string, error) {
	text, err := udiff.ToUnified(oldName, newName, older, udiff.Lines(older, newer), udiff.DefaultContextLines)
	if err != nil || len(text) <= maxUnified {
		return text, err
	}
	text = text[:strings.LastIndexByte(text[:maxUnified], '\n')+1]
	return text + "\\ The rest is left out: it is too long.\n", nil
}

// fewEnough cuts what can't be told in one message; the last difference then has no change.
func fewEnough(items []policy.Difference) []policy.Difference {
	size := 0
	for i, d := range items {
		for _, words := range [][]string{{d.Section, d.Name}, d.Removed, d.Added} {
			for _, w := range words {
				size += len(w) + 8
			}
		}
		if size > maxDifferences {
			return append(items[:i:i], policy.Difference{Added: []string{"more differences, which are left out"}})
		}
	}
	return items
}

// RollbackPolicy applies the document of an earlier version as a new one, checked like any other: what was
// good then may not be now. It undoes no revocation, and a client that comes back has no secrets. The caller
// must hold policy.apply.
func (e *Engine) RollbackPolicy(ctx context.Context, caller clientauth.Caller, req RollbackRequest) (Policy, error) {
	if err := e.require(caller, policy.PolicyApply); err != nil {
		return Policy{}, err
	}
	if req.Version == 0 {
		return Policy{}, Refuse(InvalidRequest, "shape", "name the version to go back to")
	}
	earlier, err := e.Policy(ctx, caller, req.Version)
	if err != nil {
		return Policy{}, err
	}
	note := req.Note
	if note == "" {
		note = fmt.Sprintf("back to version %d", req.Version)
	}
	return e.ApplyPolicy(ctx, caller, ApplyRequest{YAML: earlier.YAML, Expected: req.Expected, Note: note})
}
