package index

import (
	"context"
	"errors"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/store"
)

const (
	batch = 1024 // entries read at a time, so that no commit of the log is held up
	// gather is how long entries are left to come together: a follower that woke for each would cost as much as they.
	gather = 100 * time.Millisecond
	// retry is how long the follower waits after a failure.
	retry = time.Second
)

// Run follows the log until ctx is done. What goes wrong is tried again. It is told once, and nil once it works again.
// It takes half of one processor at most.
func (x *Index) Run(ctx context.Context, log Log, tell func(error)) {
	f := follower{index: x, log: log, tell: tell}
	for ctx.Err() == nil {
		err := f.run(ctx)
		if ctx.Err() != nil {
			return
		}
		f.fares(err)
		if errors.Is(err, ErrDamaged) {
			x.condemn(err)
		}
		f.untidy = f.merge != nil
		f.merge = nil
		wait(ctx, retry)
	}
}

// Build reads all of the log that there is.
func (x *Index) Build(ctx context.Context) error {
	f := follower{index: x}
	if err := x.renew(ctx); err != nil {
		return err
	}
	for {
		more, err := f.step(ctx)
		if err != nil || !more {
			return err
		}
	}
}

// follower is what the one goroutine that makes the index works with.
type follower struct {
	index    *Index
	log      Log
	tell     func(error)
	failing  bool
	merge    *merge // under way
	untidy   bool   // a merge came to nothing
	sketch   audit.Sketch
	postings []posting
}

// fares tells how it goes, if that has changed: a disk stays full for longer than anybody reads the same line.
func (f *follower) fares(err error) {
	if (err != nil) != f.failing {
		f.failing = err != nil
		f.tell(err)
	}
}

// run follows until something goes wrong.
func (f *follower) run(ctx context.Context) error {
	x := f.index
	for {
		if why := x.doomed.Load(); why != nil {
			if err := x.renew(ctx); err != nil {
				return err
			}
			f.merge, f.untidy = nil, false
		}
		began := time.Now()
		more, err := f.step(ctx)
		if err != nil {
			return err
		}
		f.fares(nil)
		if more {
			wait(ctx, time.Since(began))
		} else {
			x.current.Store(time.Now().UnixNano())
			select {
			case <-f.log.Grown(x.Next()):
				wait(ctx, gather)
			case <-x.wake:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// step reads some entries, writes the page that they filled, or goes on with a merge, and says whether there is more to do.
func (f *follower) step(ctx context.Context) (more bool, err error) {
	x := f.index
	if x.page.taken < pageWidth {
		if more, err = f.read(ctx); err != nil {
			return false, err
		}
	}
	if x.page.taken == pageWidth {
		if err := x.flush(ctx); err != nil {
			return false, err
		}
	}
	if err := f.compact(); err != nil {
		return false, err
	}
	return more || f.merge != nil, nil
}

// compact goes on with a merge, if one is due.
func (f *follower) compact() error {
	x := f.index
	if f.untidy {
		if err := x.file.begin(); err != nil {
			return err
		}
		f.untidy = false
	}
	if f.merge == nil {
		f.merge = x.file.due()
	}
	if f.merge == nil {
		return nil
	}
	if err := x.room(); err != nil {
		return err
	}
	done, err := f.merge.step()
	if done {
		f.merge = nil
	}
	return err
}

// read takes the next entries into the page. What they name is found out before anybody has to wait.
func (f *follower) read(ctx context.Context) (more bool, err error) {
	x := f.index
	first := x.page.number * pageWidth
	from := first + x.page.taken
	end := min(from+batch, first+pageWidth)
	next := from
	f.postings = f.postings[:0]
	err = x.config.Store.View(ctx, func(r store.Reader) error {
		meta, err := r.Meta()
		if err != nil {
			return err
		}
		end, more = min(end, meta.Size), meta.Size > end
		if from >= end {
			return nil
		}
		err = r.Entries(from, func(index uint64, entry []byte) bool {
			if index < end {
				f.postings = note(f.postings, &f.sketch, uint16(index-first), entry)
			}
			return index+1 < end
		})
		next = end // also where entries are gone
		return err
	})
	if err != nil || next == from {
		return false, err
	}
	x.mu.Lock()
	x.page.add(f.postings, next-first)
	x.mu.Unlock()
	x.next.Store(next)
	return more, nil
}

// flush writes the full page and begins the next.
func (x *Index) flush(ctx context.Context) error {
	if err := x.room(); err != nil {
		return err
	}
	newest, err := x.leaf(ctx, (x.page.number+1)*pageWidth-1)
	if err != nil {
		return err
	}
	if err := x.file.append(x.page, newest); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.page = newPage(x.page.number + 1)
	return nil
}

func (x *Index) room() error {
	if x.config.Room == nil {
		return nil
	}
	return x.config.Room()
}
