package index

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// Store is where the log is, with what is sealed in it opened. It is only read.
type Store interface {
	View(ctx context.Context, fn func(store.Reader) error) error
}

// Log says when there is more of it.
type Log interface {
	Size() uint64
	Grown(index uint64) <-chan struct{}
}

// Config is what an Index works with.
type Config struct {
	Path  string // of the file, which nobody else has open; one that can't be used is made anew
	Store Store
	// Room says why nothing may be written now, since the disk is nearly full. Nil: there is room.
	Room func() error
}

// Index is the index of a log. It is safe for concurrent use; one goroutine makes it.
type Index struct {
	config Config

	mu   sync.RWMutex
	file *file // nil: there is none now
	page *page // the newest

	next    atomic.Uint64         // the first entry that it doesn't know
	current atomic.Int64          // when it last knew all, in Unix nanoseconds
	built   atomic.Uint64         // how often the file was made anew
	doomed  atomic.Pointer[error] // why the file is to be made anew
	wake    chan struct{}         // holds one value if it is
}

var _ audit.Guide = (*Index)(nil)

// Open opens the index of the log in the store. A file that isn't there, of another form or generation, or damaged, is made
// anew: it is then empty until [Index.Run] or [Index.Build] has read the log. The error is the system's.
func Open(ctx context.Context, c Config) (*Index, error) {
	x := &Index{config: c, wake: make(chan struct{}, 1)}
	x.current.Store(time.Now().UnixNano())
	if err := x.open(ctx); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return x, nil
}

// open opens the file, or a new one in its place.
func (x *Index) open(ctx context.Context) error {
	generation, key, err := x.read(ctx)
	if err != nil {
		return err
	}
	f, err := openFile(x.config.Path, generation, key)
	if err == nil {
		err = x.compare(ctx, f)
	}
	if err != nil {
		if f != nil {
			_ = f.close()
		}
		if !errors.Is(err, ErrDamaged) {
			return err
		}
		if err := Remove(x.config.Path); err != nil {
			return err
		}
		x.built.Add(1)
		if f, err = openFile(x.config.Path, generation, key); err != nil {
			return err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.file, x.page = f, newPage(f.head.pages)
	x.next.Store(f.head.pages * pageWidth)
	return nil
}

// read reads of which log the index is, and the key by which its file is known to be what was written. It is one of this log and of
// this form alone, so that what was written under it stays true.
func (x *Index) read(ctx context.Context) (generation [16]byte, key *seal.Key, err error) {
	err = x.config.Store.View(ctx, func(r store.Reader) error {
		meta, err := r.Meta()
		if err != nil {
			return err
		}
		generation = meta.Generation
		key, err = audit.DeriveKey(r, fmt.Sprintf("index of the log %x, form %d", generation, form))
		return err
	})
	return generation, key, err
}

// compare holds the index to the log: the newest entry that the file knows must be the log's.
func (x *Index) compare(ctx context.Context, f *file) error {
	if f.head.pages == 0 {
		return nil
	}
	newest, err := x.leaf(ctx, f.head.pages*pageWidth-1)
	if err != nil && !errors.Is(err, tree.ErrSize) {
		return err
	}
	if err != nil || newest != f.head.newest {
		return fmt.Errorf("%w: the log has another entry %d", ErrDamaged, f.head.pages*pageWidth-1)
	}
	return nil
}

// leaf is the leaf hash of the last entry of a page. It is in a full tile, also when the entry itself is gone.
func (x *Index) leaf(ctx context.Context, index uint64) (hash [32]byte, err error) {
	err = x.config.Store.View(ctx, func(r store.Reader) error {
		meta, err := r.Meta()
		if err != nil {
			return err
		}
		hash, err = tree.NewReader(r, meta.Size).Leaf(index)
		return err
	})
	return hash, err
}

// Remove takes the file away, so that it is made anew. The path is that of an index that nobody has open.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// condemn has the file made anew.
func (x *Index) condemn(why error) {
	x.doomed.CompareAndSwap(nil, &why)
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// renew makes the file anew, if it is condemned.
func (x *Index) renew(ctx context.Context) error {
	if x.doomed.Load() == nil {
		return nil
	}
	x.mu.Lock()
	f := x.file
	x.file, x.page = nil, newPage(0)
	x.next.Store(0)
	x.mu.Unlock()
	if f != nil {
		_ = f.close() // of which nothing is needed
	}
	if err := Remove(x.config.Path); err != nil {
		return err
	}
	x.built.Add(1)
	if err := x.open(ctx); err != nil {
		return err
	}
	x.doomed.Store(nil)
	return nil
}

// Close closes the file. Run must have returned.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	f := x.file
	x.file = nil
	if f == nil {
		return nil
	}
	return f.close()
}

// Next is the first entry that the index doesn't know.
func (x *Index) Next() uint64 { return x.next.Load() }

// Lag is how long ago the index last knew all of the log.
func (x *Index) Lag(size uint64) time.Duration {
	if x.next.Load() >= size {
		return 0
	}
	return time.Since(time.Unix(0, x.current.Load()))
}

// Built is how often the file was made anew since Open.
func (x *Index) Built() uint64 { return x.built.Load() }
