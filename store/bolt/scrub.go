package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// bbolt never changes a page: it writes changed ones elsewhere and keeps the old ones, with all that was on
// them, until it has use for their place. So what was deleted stands in free pages, in every later copy too.

const (
	scrubHold  = 3 * time.Millisecond  // how long pages are looked at while commits wait
	scrubPages = 512                   // cleared then at most, since they are made durable before commits go on
	scrubLook  = 64                    // pages between two looks at the time
	scrubWait  = 50 * time.Millisecond // for a backup to end
)

// Scrub implements [store.Store]. It overwrites the free pages, in steps between which commits go on. It waits
// for a backup that is being made, which may still read them.
func (s *Store) Scrub(ctx context.Context) error {
	if s.config.ReadOnly {
		return errReadOnly
	}
	// The older of the two meta pages may still lead to what was deleted last: after one more commit neither does.
	err := s.touch(ctx)
	for next, done := uint64(2), false; err == nil && !done; {
		next, done, err = s.scrubStep(ctx, next)
	}
	return s.explain(err)
}

// touch commits without a change.
func (s *Store) touch(ctx context.Context) error {
	outcomes, err := s.Update(ctx, func(tx store.Tx) error {
		tx.(*writer).wrote = true //nolint:forcetypeassert // this engine's own
		return nil
	})
	return errors.Join(append(outcomes, err)...)
}

// scrubStep overwrites the free ones of some pages from there on, and says where to go on, or that they were the last.
// BenchmarkCommitsDuringScrub has what commits wait for.
func (s *Store) scrubStep(ctx context.Context, from uint64) (next uint64, done bool, err error) {
	if err := s.alone(ctx); err != nil {
		return from, false, err
	}
	defer func() { <-s.updating }()
	defer s.began.Store(0)
	f, err := s.acquire()
	if err != nil {
		return from, false, err
	}
	defer s.mu.RUnlock()
	free, err := freePages(f)
	if err != nil {
		return from, false, err
	}
	cleared, size := 0, f.db.Info().PageSize
	page, empty := make([]byte, size), make([]byte, size)
	begun := time.Now()
	for next = from; next < free.end && cleared < scrubPages; next++ {
		if (next-from+1)%scrubLook == 0 && time.Since(begun) > scrubHold {
			break
		}
		if !free.has(next) {
			continue
		}
		was, err := clearPage(f, next, page, empty)
		if err != nil {
			return from, false, err
		}
		if was {
			cleared++
		}
	}
	if cleared > 0 {
		err = f.sync()
	}
	return next, next >= free.end, err
}

// alone waits until no commit runs and nobody reads a state of before, and keeps commits out.
func (s *Store) alone(ctx context.Context) error {
	for {
		select {
		case s.updating <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.copying.Load() == 0 {
			break
		}
		<-s.updating
		select {
		case <-time.After(scrubWait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.began.Store(time.Now().UnixNano()) // a backup that begins at this moment gives way
	s.mu.Lock()
	s.mu.Unlock() //nolint:staticcheck // the section is empty: it only waits for the readers that are there
	return nil
}

// free is which pages no state leads to that can still be asked for.
type free struct {
	lists     [2][]uint64 // of the two meta pages, sorted
	high, end uint64      // pages from high on were never part of a state; those from end on don't exist
}

func (p *free) has(id uint64) bool {
	if id >= p.high {
		return true
	}
	_, first := slices.BinarySearch(p.lists[0], id)
	_, second := slices.BinarySearch(p.lists[1], id)
	return first && second
}

// freePages reads both lists of free pages: if the newer meta page is lost, the older one is what counts.
func freePages(f *file) (*free, error) {
	size := f.db.Info().PageSize
	p := &pages{file: f.os, size: size}
	info, err := f.os.Stat()
	if err != nil {
		return nil, err
	}
	out := &free{end: uint64(info.Size()) / uint64(size)}
	for i := range out.lists {
		m, ok := p.meta(uint64(i))
		if !ok || m.freelist == noFreelist {
			return nil, fmt.Errorf("%w: a meta page can't be read, so nobody knows which pages are free", store.ErrCorrupt)
		}
		out.high = max(out.high, m.high)
		if out.lists[i], err = p.freeIn(m); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// freeIn is the list of free pages that a meta page leads to.
func (p *pages) freeIn(m boltMeta) ([]uint64, error) {
	bad := fmt.Errorf("%w: page %d: %w", store.ErrCorrupt, m.freelist, errPage)
	head := make([]byte, pageHeader+8)
	if _, err := p.file.ReadAt(head, int64(m.freelist)*int64(p.size)); err != nil {
		return nil, err
	}
	count, from := uint64(binary.LittleEndian.Uint16(head[10:])), uint64(pageHeader)
	if count == 0xFFFF {
		count, from = binary.LittleEndian.Uint64(head[pageHeader:]), pageHeader+8
	}
	room := (uint64(binary.LittleEndian.Uint32(head[12:])) + 1) * uint64(p.size)
	if binary.LittleEndian.Uint64(head) != m.freelist || binary.LittleEndian.Uint16(head[8:]) != flagFreelist || count > (room-from)/8 {
		return nil, bad
	}
	ids := make([]byte, 8*count)
	if _, err := p.file.ReadAt(ids, int64(m.freelist)*int64(p.size)+int64(from)); err != nil {
		return nil, err
	}
	out := make([]uint64, 0, count)
	for ; len(ids) > 0; ids = ids[8:] {
		id := binary.LittleEndian.Uint64(ids)
		if id < 2 || id >= m.high {
			return nil, bad
		}
		out = append(out, id)
	}
	slices.Sort(out) // as bbolt writes it, which costs little then
	return out, nil
}

// clearPage overwrites a page with an empty one, unless it is that. How it begins doesn't say: the machine may have
// stopped while it was being cleared.
func clearPage(f *file, id uint64, page, empty []byte) (cleared bool, err error) {
	at := int64(id) * int64(len(page))
	if _, err := f.os.ReadAt(page, at); err != nil || bytes.Equal(page, empty) {
		return false, err
	}
	_, err = f.writeAt(empty, at)
	return true, err
}
