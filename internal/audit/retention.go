package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// Dropped says which entries' bodies were dropped in the commit of this one.
type Dropped struct {
	Before time.Time `json:"before"` // all of them were older
	Class  Class     `json:"class"`
	First  uint64    `json:"first"` // the first of them
	Which  string    `json:"which"` // a bit for each entry from there on, the lowest of the first byte first
}

// retainStep is how many entries one commit looks at, so that none keeps callers waiting.
const retainStep = 1024

func newDropped(class Class, before time.Time, indexes []uint64) *Dropped {
	d := &Dropped{Before: before.UTC().Truncate(time.Millisecond), Class: class, First: indexes[0]}
	bits := make([]byte, (indexes[len(indexes)-1]-d.First)/8+1)
	for _, index := range indexes {
		bits[(index-d.First)/8] |= 1 << ((index - d.First) % 8)
	}
	d.Which = toText(bits)
	return d
}

// each calls fn with the index of each of them.
func (d *Dropped) each(fn func(index uint64)) error {
	bits, err := fromText(d.Which)
	if err != nil || d.First > maxNumber {
		return fmt.Errorf("%w: which bodies were dropped can't be read", ErrEntry)
	}
	for i := range uint64(len(bits)) * 8 {
		if bits[i/8]&(1<<(i%8)) != 0 {
			fn(d.First + i)
		}
	}
	return nil
}

// progressName is the record of how far each class was gone through. It is no secret, but has no other place.
const progressName = "audit.retention"

// progress is how far each class was gone through in a generation's log.
type progress struct {
	Generation string           `json:"generation"`
	Next       map[Class]uint64 `json:"next"`
}

// Retention drops the bodies of entries whose class's time is over. One goroutine uses it.
type Retention struct {
	log  *Log
	next map[Class]uint64 // nil: not read yet
}

// NewRetention goes on where the one before it stopped.
func NewRetention(l *Log) *Retention { return &Retention{log: l} }

// Step drops the bodies of some entries of the class that are older than before, with an entry that says which, and
// says whether there may be more. What no checkpoint covers stays, and so does what isn't under a full tile, which
// keeps its hash.
func (t *Retention) Step(ctx context.Context, class Class, before time.Time) (dropped int, more bool, err error) {
	if err := t.load(ctx); err != nil {
		return 0, false, err
	}
	signed, _ := t.log.Signed()
	end := signed.Size / tree.TileWidth * tree.TileWidth
	from := t.next[class]
	window := retained{class: class, before: before, next: from, end: min(end, from+retainStep)}
	if window.next >= window.end {
		return 0, false, nil
	}
	if err := t.log.store.View(ctx, window.look); err != nil {
		return 0, false, err
	}
	if len(window.found) > 0 {
		if err := t.drop(ctx, &window); err != nil {
			return 0, false, err
		}
	}
	t.next[class] = window.next
	return len(window.found), window.next == window.end && window.next < end, nil
}

// load reads how far it came. A log of another generation is gone through from its beginning.
func (t *Retention) load(ctx context.Context) error {
	if t.next != nil {
		return nil
	}
	return t.log.store.View(ctx, func(r store.Reader) error {
		meta, err := r.Meta()
		if err != nil {
			return err
		}
		text, err := r.Secret(progressName)
		var p progress
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		default:
			if err := json.Unmarshal(text, &p); err != nil {
				return fmt.Errorf("%w: how far retention came: %w", store.ErrCorrupt, err)
			}
		}
		if t.next = p.Next; t.next == nil || p.Generation != hex.EncodeToString(meta.Generation[:]) {
			t.next = make(map[Class]uint64)
		}
		return nil
	})
}

// retained is a part of the log that is looked through.
type retained struct {
	class     Class
	before    time.Time
	next, end uint64
	found     []uint64
	rests     [][]byte
}

// look finds what is to be dropped, as far as entries are old enough.
func (w *retained) look(r store.Reader) error {
	var bad error
	var sketch Sketch
	err := r.Entries(w.next, func(index uint64, entry []byte) bool {
		if index >= w.end {
			return false
		}
		if rest, gone := ReadRemnant(entry); gone {
			w.next = index + 1
			return rest.Time().Before(w.before.Add(maxDisorder))
		}
		if !sketch.Read(entry) {
			_, err := Decode(entry)
			bad = &EntryError{index, err}
			return false
		}
		at, err := sketch.Time()
		if err != nil {
			bad = &EntryError{index, err}
			return false
		}
		if !at.Before(w.before) {
			return false // what comes is newer, or nearly so, and has its turn later
		}
		if w.next = index + 1; sketch.class() == w.class {
			w.found = append(w.found, index)
			w.rests = append(w.rests, Remnant{string(sketch.Decision), w.class}.stored())
		}
		return true
	})
	return errors.Join(bad, err)
}

// drop writes what was found, how far it came, and the entry that says so, in one commit.
func (t *Retention) drop(ctx context.Context, w *retained) error {
	entry, err := t.log.Prepare(Event{Kind: KindRetention, Outcome: OutcomeDone, Dropped: newDropped(w.class, w.before, w.found)})
	if err != nil {
		return err
	}
	_, err = t.log.Do(ctx, func(tx store.Tx) (Entry, error) {
		meta, err := tx.Meta()
		if err != nil {
			return Entry{}, err
		}
		p := progress{Generation: hex.EncodeToString(meta.Generation[:]), Next: make(map[Class]uint64)}
		for class, next := range t.next {
			p.Next[class] = next
		}
		p.Next[w.class] = w.next
		text, err := json.Marshal(&p, json.Deterministic(true))
		if err != nil {
			return Entry{}, err
		}
		for i, index := range w.found {
			if err := tx.DropEntry(index, w.rests[i]); err != nil {
				return Entry{}, err
			}
		}
		return entry, tx.PutSecret(progressName, text)
	})
	return err
}
