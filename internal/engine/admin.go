package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/document"
	"github.com/whittle-sts/whittle/internal/hush"
	"github.com/whittle-sts/whittle/internal/issuer"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

// require is the one rule on administrative operations: the caller's policy entry says `may`, or it
// holds the bootstrap credential. A refusal is on the record.
func (e *Engine) require(caller clientauth.Caller, p policy.Permission) error {
	if caller.Can(p) {
		return nil
	}
	return e.refuse(caller, audit.KindAdministration,
		Refuse(AccessDenied, "permission", "this operation needs the permission "+string(p)))
}

// requireReader is require for what both who reads policies and who applies them may do.
func (e *Engine) requireReader(caller clientauth.Caller) error {
	if caller.Can(policy.PolicyApply) {
		return nil
	}
	return e.require(caller, policy.PolicyRead)
}

// Policy is one version of the policy; 0 is the current one. The caller must hold policy.read or
// policy.apply.
func (e *Engine) Policy(ctx context.Context, caller clientauth.Caller, version uint64) (Policy, error) {
	if err := e.requireReader(caller); err != nil {
		return Policy{}, err
	}
	var record store.Policy
	err := e.store.View(ctx, func(r store.Reader) error {
		if version == 0 {
			meta, err := r.Meta()
			if err != nil {
				return err
			}
			version = meta.Policy
		}
		var err error
		record, err = r.Policy(version)
		record.YAML = bytes.Clone(record.YAML)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Policy{}, Refuse(NotFound, "no_policy", "there is no such policy version")
	}
	if err != nil {
		return Policy{}, unavailable("store", err)
	}
	return Policy(record), nil
}

// ValidatePolicy checks a document without applying it. What is wrong with it is in the problems; the
// error is nil unless the caller holds neither policy.read nor policy.apply.
func (e *Engine) ValidatePolicy(ctx context.Context, caller clientauth.Caller, yaml []byte) (*policy.Problems, error) {
	if err := e.requireReader(caller); err != nil {
		return nil, err
	}
	next, problems := compile(yaml, 0)
	if problems != nil {
		return problems, nil
	}
	err := e.fits(next)
	if err == nil {
		err = e.store.View(ctx, func(r store.Reader) error {
			known, err := knownIssuers(r)
			if err != nil {
				return unavailable("store", err)
			}
			_, err = known.admit(next)
			return err
		})
	}
	if refused, ok := errors.AsType[*Error](err); ok && refused.Code == Precondition {
		return document.Objection(policyFile, yaml, refused.Description), nil
	}
	return nil, err
}

// ApplyPolicy checks a document, makes it the current policy durably, and puts it to work, as a
// whole or not at all. It refuses one that would leave no administrator, and with [Conflict]
// one whose editor didn't see the current version. The caller must hold policy.apply.
// A policy with problems comes back as an [Error] that wraps *policy.Problems.
func (e *Engine) ApplyPolicy(ctx context.Context, caller clientauth.Caller, req ApplyRequest) (Policy, error) {
	if err := e.require(caller, policy.PolicyApply); err != nil {
		return Policy{}, err
	}
	e.access.Lock()
	defer e.access.Unlock()
	next, err := e.compiled(req)
	if err == nil {
		err = e.fits(next)
	}
	if err != nil {
		return Policy{}, err
	}
	return e.install(ctx, caller, req, next)
}

// install makes a policy that may be the next one the current one, durably, and puts it to work.
func (e *Engine) install(ctx context.Context, caller clientauth.Caller, req ApplyRequest, next *policy.Policy) (Policy, error) {
	record := store.Policy{
		Version: next.Version(), YAML: req.YAML, Applied: e.clock.Now(), By: caller.ID, Note: hush.Text(req.Note),
	}
	if err := e.commit(ctx, func(tx store.Tx) (audit.Entry, error) { return e.putPolicy(tx, caller, record, next) }); err != nil {
		return Policy{}, err
	}
	e.image.SetPolicy(next)
	return Policy(record), e.reload(ctx) // the issuers, and the credentials that were deleted
}

// compiled is the document as a policy that may stand after the expected one.
func (e *Engine) compiled(req ApplyRequest) (*policy.Policy, error) {
	if !writable(req.Note) {
		return nil, Refuse(InvalidRequest, "shape", "the note is too long or no text")
	}
	next, problems := compile(req.YAML, req.Expected+1)
	if problems != nil {
		return nil, Refuse(InvalidRequest, "policy_problems", "the policy has problems").because(problems)
	}
	return next, nil
}

// putPolicy writes the policy. A client that it no longer names loses its secrets for good: whoever
// names it again makes it new ones.
func (e *Engine) putPolicy(tx store.Tx, caller clientauth.Caller, record store.Policy, p *policy.Policy) (audit.Entry, error) {
	meta, err := tx.Meta()
	if err != nil {
		return audit.Entry{}, err
	}
	if meta.Policy+1 != record.Version {
		return audit.Entry{}, Refuse(Conflict, "version",
			fmt.Sprintf("the current policy version is %d, not the expected %d", meta.Policy, record.Version-1))
	}
	credentials, err := tx.Credentials()
	if err != nil {
		return audit.Entry{}, err
	}
	known, err := knownIssuers(tx)
	if err != nil {
		return audit.Entry{}, err
	}
	names, err := known.admit(p)
	if err != nil {
		return audit.Entry{}, err
	}
	entry, err := e.changed(caller, audit.KindPolicy, policyChange(p, record))
	if err != nil {
		return audit.Entry{}, err
	}
	for _, c := range credentials {
		if _, kept := p.Client(c.Client); kept || c.Client == policy.Bootstrap {
			continue
		}
		if err := tx.DeleteCredential(c.Client, c.ID); err != nil {
			return audit.Entry{}, err
		}
	}
	return entry, errors.Join(tx.PutSecret(issuerNamesRecord, names), tx.PutPolicy(record))
}

// policyFile is what callers see their document called.
const policyFile = "policy.yaml"

// compile is policy.Compile under that name, of a document that holds no secret. One that is in force already may: it was
// accepted by an earlier version.
func compile(yaml []byte, version uint64) (*policy.Policy, *policy.Problems) {
	if problems := policy.Secrets(yaml, policyFile); problems != nil {
		return nil, problems
	}
	p, err := policy.Compile(yaml, policyFile, version)
	problems, _ := errors.AsType[*policy.Problems](err)
	return p, problems
}

// outsideConfigs is what the policy says of issuers, as the room that verifies their tokens takes it.
func outsideConfigs(issuers []policy.Issuer) []issuer.Config {
	out := make([]issuer.Config, 0, len(issuers))
	for _, i := range issuers {
		out = append(out, issuer.Config{
			Name: i.Name, URL: i.URL, JWKSURI: i.JWKSURI, Audiences: i.Audiences,
			Algorithms: i.Algorithms, MaxAge: i.MaxAge, MayAct: i.MayAct,
		})
	}
	return out
}
