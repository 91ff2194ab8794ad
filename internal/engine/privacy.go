package engine

import (
	"context"
	"errors"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/store"
)

// What is held about one person, and its end. Both need privacy.manage, and nobody has that but by policy.

// PersonItem is one thing that is held about a person. One member is set.
type PersonItem struct {
	Held       *audit.Held    // how the log knows them; the zero Held: it doesn't. Always the first item
	Mention    *PolicyMention // where a policy names them
	Revocation *Revocation    // that names them
	Entry      *PersonEntry
}

// PersonEntry is an entry of the log that names the person.
type PersonEntry struct {
	Entry
	About []audit.Person // what it says of them, once for each role; not what it says of others
}

// personStep is how many entries about a person are read at a time.
const personStep = 256

var errErasedMeanwhile = Refuse(Conflict, "erased", "the person was erased meanwhile: what was sent is all that could be read")

// ExportPerson sends all that is held about a person: policies, then revocations, then entries. That it was asked
// for is on the record before anything leaves. It is complete only if there is no error. The caller must hold
// privacy.manage.
func (e *Engine) ExportPerson(ctx context.Context, caller clientauth.Caller, subject string, send func(PersonItem) error) error {
	id, err := e.manages(caller, subject)
	if err != nil {
		return err
	}
	name := audit.Name{Issuer: id.Issuer, Subject: id.Subject}
	var held audit.Held
	err = e.commit(ctx, func(tx store.Tx) (audit.Entry, error) {
		if held, err = e.log.Held(tx, name); err != nil && !errors.Is(err, store.ErrNotFound) {
			return audit.Entry{}, err
		}
		return e.changed(caller, audit.KindPrivacy, &audit.Change{Action: audit.ActionExported, ID: string(held.Key)})
	})
	if err != nil {
		return err
	}
	if err := send(PersonItem{Held: &held}); err != nil {
		return err
	}
	mentions, revocations, err := e.beyondTheLog(ctx, id)
	if err != nil {
		return err
	}
	for i := range mentions {
		if err := send(PersonItem{Mention: &mentions[i]}); err != nil {
			return err
		}
	}
	for i := range revocations {
		if err := send(PersonItem{Revocation: &revocations[i]}); err != nil {
			return err
		}
	}
	if held.Key == "" {
		return nil
	}
	return e.exportEntries(ctx, name, held.Key, send)
}

// exportEntries sends the entries that were there when it began.
func (e *Engine) exportEntries(ctx context.Context, name audit.Name, key audit.Pseudonym, send func(PersonItem) error) error {
	end := e.log.Size()
	for next := uint64(0); next < end; {
		found, err := e.log.Search(ctx, audit.Query{Filter: audit.Filter{Key: key}, From: next, Limit: personStep, Guide: e.guide})
		if err = errors.Join(ctx.Err(), logFailed(err)); err != nil {
			return err
		}
		for _, f := range found.Found {
			if f.Index >= end {
				break
			}
			entry, err := about(f, key)
			if err == nil {
				err = send(PersonItem{Entry: &entry})
			}
			if err != nil {
				return err
			}
		}
		if !found.More {
			break
		}
		next = found.Next
	}
	return e.stillHeld(ctx, name, key)
}

// about is what the entry says of the one person.
func about(found Entry, key audit.Pseudonym) (PersonEntry, error) {
	entry := PersonEntry{Entry: found}
	for _, p := range found.People {
		switch {
		case p.Key != string(key):
		case p.Erased:
			return entry, errErasedMeanwhile
		default:
			entry.About = append(entry.About, p)
		}
	}
	return entry, nil
}

// stillHeld says whether the person was erased since: then entries may be missing of what was sent.
func (e *Engine) stillHeld(ctx context.Context, name audit.Name, key audit.Pseudonym) error {
	var now audit.Held
	err := e.store.View(ctx, func(r store.Reader) (err error) {
		now, err = e.log.Held(r, name)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && now.Key != key:
		return errErasedMeanwhile
	case err != nil:
		return unavailable("store", err)
	}
	return nil
}

// Erasure is a person's erasure, and what still names them.
type Erasure struct {
	Key         audit.Pseudonym // which leads nowhere now
	Entry       uint64          // that records it
	Traces      bool            // the key may still be in the database's free space; housekeeping clears that soon
	Revocations []Revocation    // which go on working, and so go on naming them until they end
	Mentions    []PolicyMention
}

// eraseWait is how long an erasure waits for the free space to be cleared.
const eraseWait = 5 * time.Second

// ErasePerson destroys the key of a person: what the log says of them can't be read again, and its hashes
// stand. It revokes nothing. Whoever is named after it is somebody new to the log. The caller must hold
// privacy.manage.
func (e *Engine) ErasePerson(ctx context.Context, caller clientauth.Caller, subject string) (Erasure, error) {
	id, err := e.manages(caller, subject)
	if err != nil {
		return Erasure{}, err
	}
	var out Erasure
	if out.Mentions, out.Revocations, err = e.beyondTheLog(ctx, id); err != nil {
		return Erasure{}, err
	}
	name := audit.Name{Issuer: id.Issuer, Subject: id.Subject}
	out.Entry, err = e.commitAt(ctx, func(tx store.Tx) (audit.Entry, error) {
		held, err := e.log.Held(tx, name)
		if errors.Is(err, store.ErrNotFound) {
			err = Refuse(NotFound, "nobody", "the log names nobody like that, or not since they were erased")
		}
		if err != nil {
			return audit.Entry{}, err
		}
		out.Key = held.Key
		entry, err := e.changed(caller, audit.KindPrivacy, &audit.Change{Action: audit.ActionErased, ID: string(held.Key)})
		if err != nil {
			return audit.Entry{}, err
		}
		return entry, e.log.Erase(tx, name)
	})
	e.traces.Store(true)
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), eraseWait)
	defer cancel()
	forgotten := e.log.Forget(wait, name) // whatever became of it: it may have been durable all the same
	if err != nil {
		return Erasure{}, err
	}
	if out.Traces = forgotten != nil; !out.Traces {
		e.traces.Store(false)
	}
	return out, nil
}

// manages is the person whom a caller means who may ask for that.
func (e *Engine) manages(caller clientauth.Caller, subject string) (principal.ID, error) {
	if err := e.require(caller, policy.PrivacyManage); err != nil {
		return principal.ID{}, err
	}
	id := principal.ParseID(subject)
	if id.Subject == "" || !writable(subject) {
		return principal.ID{}, Refuse(InvalidRequest, "shape", "name the person as sub does: issuer:subject, or a client's id")
	}
	return id, nil
}

// beyondTheLog is what names the person outside of entries.
func (e *Engine) beyondTheLog(ctx context.Context, id principal.ID) ([]PolicyMention, []Revocation, error) {
	mentions, err := e.mentions(ctx, id.Subject)
	if err != nil {
		return nil, nil, unavailable("store", err)
	}
	var revocations []Revocation
	err = e.store.View(ctx, func(r store.Reader) error {
		return r.Revocations(0, func(rev store.Revocation) bool {
			if rev.Kind == string(live.Subject) && rev.Selector == id.String() || mentioned(rev.Reason, id.Subject) {
				revocations = append(revocations, revocationOf(rev))
			}
			return true
		})
	})
	if err != nil {
		return nil, nil, unavailable("store", err)
	}
	return mentions, revocations, nil
}

// scrub clears the database's free space if something was deleted that must leave no trace. It gives up while
// a backup reads, until the next round.
func (e *Engine) scrub(ctx context.Context) error {
	if !e.traces.Swap(false) {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, eraseWait)
	defer cancel()
	err := e.store.Scrub(wait)
	if err != nil {
		e.traces.Store(true)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
