package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// Item is one entry as it is stored.
type Item struct {
	Index   uint64
	Bytes   []byte  // none if it was dropped
	Dropped Remnant // what is left then
	Leaf    [32]byte
}

// List is up to limit entries from index on.
func (l *Log) List(ctx context.Context, from uint64, limit int) ([]Item, error) {
	var items []Item
	err := l.store.View(ctx, func(r store.Reader) error {
		t, bad := hashes(r)
		err := r.Entries(from, func(index uint64, entry []byte) bool {
			if len(items) >= limit || bad != nil || ctx.Err() != nil {
				return false
			}
			var i Item
			i, bad = item(t, index, entry)
			items = append(items, i)
			return true
		})
		return errors.Join(bad, err)
	})
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	return items, nil
}

// Recorded is how many entries are durable, of which the newest may not have been answered yet.
func (l *Log) Recorded(ctx context.Context) (size uint64, err error) {
	err = l.store.View(ctx, func(r store.Reader) error {
		meta, err := r.Meta()
		size = meta.Size
		return err
	})
	return size, err
}

// openEvent opens the event's people, and moves the detail that was sealed with the first of them back.
func openEvent(r store.Reader, e *Event) error {
	if err := openPeople(r, e.Decision, e.People); err != nil {
		return err
	}
	if e.Detail == "" && len(e.People) > 0 {
		e.Detail, e.People[0].Detail = e.People[0].Detail, ""
	}
	return nil
}

func openPeople(r store.Reader, decision string, people []Person) error {
	for i := range people {
		p := &people[i]
		id, err := p.keyID()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrEntry, err)
		}
		record, err := r.PersonByID(id)
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && record.ID != id:
			p.Erased = true
		case err != nil:
			return err
		default:
			if err := p.open(record, decision, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// ErrNotFound says that the log has no entry of a decision. A refusal beyond the first few of its
// client, reason and minute has none: it was counted only.
var ErrNotFound = errors.New("no entry of this decision; a refusal may have been counted only")

// maxDisorder is how much earlier than an entry before it an entry's time may be: entries stand in
// the order of their commits, but carry the time at which their request began.
const maxDisorder = time.Minute

// Find is the entry of a decision and its place. It needs no index: the ID holds the time, which leads
// to the neighbourhood, and that is searched outwards as far as entries can be out of order.
func (l *Log) Find(ctx context.Context, decision string) (index uint64, e Event, err error) {
	at, err := decisionTime(decision)
	if err != nil {
		return 0, Event{}, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	err = l.store.View(ctx, func(r store.Reader) error {
		f := finder{ctx: ctx, reader: r, decision: decision}
		if index, e, err = f.find(at); err != nil {
			return err
		}
		return openEvent(r, &e)
	})
	if err != nil {
		return 0, Event{}, err
	}
	return index, e, nil
}

// finder looks for one decision in one state of the log.
type finder struct {
	ctx      context.Context
	reader   store.Reader
	decision string
	sketch   Sketch
}

// find searches around the place where entries begin to be as late as at. The times of all entries
// between there and the one looked for are within maxDisorder of at, so the search ends where a
// window's edges are further off than that.
func (f *finder) find(at time.Time) (uint64, Event, error) {
	meta, err := f.reader.Meta()
	if err != nil {
		return 0, Event{}, err
	}
	near := sort.Search(int(meta.Size), func(i int) bool {
		t, e := f.timeOf(uint64(i))
		err = errors.Join(err, e)
		return !t.Before(at)
	})
	if err != nil {
		return 0, Event{}, err
	}
	for width := uint64(64); ; width *= 4 {
		low, high := uint64(near)-min(uint64(near), width), min(uint64(near)+width, meta.Size)
		index, e, err := f.scan(low, high)
		if !errors.Is(err, ErrNotFound) {
			return index, e, err
		}
		more, err := f.beyond(low, high, meta.Size, at)
		if err != nil {
			return 0, Event{}, err
		}
		if !more {
			return 0, Event{}, ErrNotFound
		}
	}
}

// beyond says whether the entry may stand outside low to high.
func (f *finder) beyond(low, high, size uint64, at time.Time) (bool, error) {
	if low > 0 {
		if t, err := f.timeOf(low); err != nil || !t.Before(at.Add(-maxDisorder)) {
			return true, err
		}
	}
	if high < size {
		if t, err := f.timeOf(high); err != nil || !t.After(at.Add(maxDisorder)) {
			return true, err
		}
	}
	return false, nil
}

// scan looks at each entry from low to before high.
func (f *finder) scan(low, high uint64) (found uint64, e Event, err error) {
	mark := []byte(`"decision":"` + f.decision + `"`)
	err = ErrNotFound
	viewErr := f.reader.Entries(low, func(index uint64, entry []byte) bool {
		switch {
		case index >= high:
			return false
		case f.ctx.Err() != nil:
			err = f.ctx.Err()
			return false
		}
		if rest, dropped := ReadRemnant(entry); dropped && rest.Decision == f.decision {
			found, err = index, ErrDropped
			return false
		}
		if !bytes.Contains(entry, mark) {
			return true
		}
		found = index
		e, err = Decode(entry)
		return false
	})
	if viewErr != nil {
		err = viewErr
	}
	return found, e, err
}

// TimeOf is when the request of the entry at index began, whether its body is there or was dropped.
func (l *Log) TimeOf(ctx context.Context, index uint64) (at time.Time, err error) {
	err = l.store.View(ctx, func(r store.Reader) error {
		f := finder{ctx: ctx, reader: r}
		at, err = f.timeOf(index)
		return err
	})
	return at, err
}

// timeOf is the time of the entry at index.
func (f *finder) timeOf(index uint64) (at time.Time, err error) {
	err = store.ErrCorrupt
	viewErr := f.reader.Entries(index, func(_ uint64, entry []byte) bool {
		if rest, dropped := ReadRemnant(entry); dropped {
			at, err = rest.Time(), nil
		} else if f.sketch.Read(entry) {
			at, err = f.sketch.Time()
		} else {
			_, err = Decode(entry)
		}
		return false
	})
	return at, errors.Join(err, viewErr)
}
