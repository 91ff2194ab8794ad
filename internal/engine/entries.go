package engine

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/principal"
)

// Entry is one entry of the audit log with its people opened.
type Entry = audit.Found

// EntryFilter says which entries of the audit log are wanted: those that match every member that is set.
type EntryFilter struct {
	audit.Filter        // but for Person
	Subject      string // whom an entry names in any role, as `sub` writes it; "": anybody
}

// EntriesRequest asks for a page of the audit log.
type EntriesRequest struct {
	Filter      EntryFilter
	From        *uint64 // the first index; nil: from the end where the list begins
	NewestFirst bool
	Limit       int
	Page        string // the token of the page before; it says from where
}

// Entry is the entry at an index. The caller must hold audit.read.
func (e *Engine) Entry(ctx context.Context, caller clientauth.Caller, index uint64) (Entry, error) {
	if err := e.require(caller, policy.AuditRead); err != nil {
		return Entry{}, err
	}
	found, err := e.log.Entry(ctx, index)
	if errors.Is(err, audit.ErrNotFound) {
		return Entry{}, Refuse(NotFound, "no_entry", "the log has no such entry")
	}
	return found, logFailed(err)
}

// EntriesPage is what was found. It may be less than was asked for, even nothing, though another page follows: each
// request looks only so far.
type EntriesPage struct {
	Entries []Entry
	Next    string // the token of the next page; empty: there is none
	Reached uint64 // where the next page begins to look
}

// Entries lists the audit log from an index on, in either direction. The caller must hold audit.read.
func (e *Engine) Entries(ctx context.Context, caller clientauth.Caller, req EntriesRequest) (EntriesPage, error) {
	if err := e.require(caller, policy.AuditRead); err != nil {
		return EntriesPage{}, err
	}
	list := req.list()
	first := uint64(0)
	if req.NewestFirst {
		first = math.MaxUint64 - 1
	}
	if req.From != nil {
		first = *req.From
	}
	from, err := list.number(req.Page, first)
	if err != nil {
		return EntriesPage{}, err
	}
	found, err := e.log.Search(ctx, audit.Query{Filter: req.Filter.query(), From: from, Backward: req.NewestFirst, Limit: req.Limit, Guide: e.guide})
	if err != nil {
		return EntriesPage{}, logFailed(err)
	}
	page := EntriesPage{Entries: found.Found, Reached: found.Next}
	if found.More {
		page.Next = list.numbered(found.Next)
	}
	return page, nil
}

// list is what a page token of the request belongs to.
func (r *EntriesRequest) list() listID {
	f := r.Filter
	return listOf("entries", strconv.FormatBool(r.NewestFirst), f.After.UTC().Format(time.RFC3339Nano), f.Before.UTC().Format(time.RFC3339Nano),
		f.Subject, f.Client, f.Task, f.Token, f.Scope, f.Resource, string(f.Kind), string(f.Outcome), f.Reason, f.Rule, strconv.FormatUint(f.Policy, 10), f.Decision)
}

// query is the filter as the log takes it.
func (f EntryFilter) query() audit.Filter {
	if f.Subject != "" {
		id := principal.ParseID(f.Subject)
		f.Person = audit.Name{Issuer: id.Issuer, Subject: id.Subject}
	}
	return f.Filter
}

// logFailed is the caller's answer when the log can't be read.
func logFailed(err error) error {
	if err == nil || errors.Is(err, audit.ErrEntry) {
		return err
	}
	return unavailable("store", err)
}
