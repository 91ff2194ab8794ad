package anchored

import (
	"time"

	"github.com/whittle-sts/whittle/store"
)

// urgency is when a commit has to be anchored.
type urgency int

const (
	never urgency = iota // nothing in it is in an anchor
	soon                 // it only appends entries
	now                  // before it is answered
)

// watcher notices what a function writes. Each commit that matters also appends its entry, so that
// an anchor which holds the entry holds it all.
type watcher struct {
	store.Tx
	due *urgency
}

func (w *watcher) note(u urgency) { *w.due = max(*w.due, u) }

// AppendEntry implements [store.Tx].
func (w *watcher) AppendEntry(entry []byte, at time.Time) (uint64, error) {
	w.note(soon)
	return w.Tx.AppendEntry(entry, at)
}

// What follows takes power away, or undone would give it back.

func (w *watcher) AppendRevocation(r store.Revocation) (uint64, error) {
	w.note(now)
	return w.Tx.AppendRevocation(r)
}

func (w *watcher) PutPolicy(p store.Policy) error {
	w.note(now)
	return w.Tx.PutPolicy(p)
}

func (w *watcher) PutKey(k store.Key) error {
	w.note(now)
	return w.Tx.PutKey(k)
}

func (w *watcher) DeleteKey(id string) error {
	w.note(now)
	return w.Tx.DeleteKey(id)
}

func (w *watcher) PutCredential(c store.Credential) error {
	w.note(now)
	return w.Tx.PutCredential(c)
}

func (w *watcher) DeleteCredential(client, id string) error {
	w.note(now)
	return w.Tx.DeleteCredential(client, id)
}

func (w *watcher) PutUses(u store.Uses) error {
	w.note(now)
	return w.Tx.PutUses(u)
}

func (w *watcher) PutUseSeen(token [16]byte, useID string, until time.Time) error {
	w.note(now)
	return w.Tx.PutUseSeen(token, useID, until)
}

func (w *watcher) DeletePerson(lookup [32]byte) error {
	w.note(now)
	return w.Tx.DeletePerson(lookup)
}

// PutCheckpoint: what was signed must be in the anchor before it leaves.
func (w *watcher) PutCheckpoint(c store.Checkpoint) error {
	w.note(now)
	return w.Tx.PutCheckpoint(c)
}

func (w *watcher) SetGeneration(g [16]byte) error {
	w.note(now)
	return w.Tx.SetGeneration(g)
}
