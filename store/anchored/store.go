package anchored

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// Why a database is not served.
var (
	ErrRolledBack = errors.New("the database is older than its anchor")
	ErrNoAnchor   = errors.New("the database has entries but no anchor")
)

// lag is how long the anchor may stay behind commits that only append entries.
const lag = time.Second

// Config is what [Open] works with.
type Config struct {
	Store  store.Store
	Path   string // of the anchor, beside the key-encryption key
	Now    func() time.Time
	Random io.Reader
}

// Store is a store that is anchored.
type Store struct {
	store.Store
	path string
	now  func() time.Time

	mu    sync.Mutex // held during Update, so that anchors are written in the order of commits
	saved time.Time
	owed  bool // the anchor is behind
}

// Open holds the database against its anchor. An empty database gets its first generation.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{Store: c.Store, path: c.Path, now: c.Now}
	meta, err := s.meta(ctx)
	if err != nil {
		return nil, err
	}
	a, found, err := load(c.Path)
	if err != nil {
		return nil, err
	}
	switch {
	case found && meta.Generation == [16]byte{}:
		return nil, fmt.Errorf("%w: %s belongs to a database that is not there; restore it", ErrRolledBack, c.Path)
	case found:
		err = s.check(ctx, meta, a)
	case meta.Size > 0:
		err = fmt.Errorf("%w: %s is missing; without it nobody can tell whether this is the newest state; restore it from a backup",
			ErrNoAnchor, c.Path)
	default:
		err = s.begin(ctx, c.Random)
	}
	if err != nil {
		return nil, err
	}
	return s, s.anchor(ctx)
}

func (s *Store) meta(ctx context.Context) (meta store.Meta, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		meta, err = r.Meta()
		return err
	})
	return meta, err
}

// check compares: the database must have come at least as far, by the same way.
func (s *Store) check(ctx context.Context, m store.Meta, a anchor) error {
	now := anchorOf(m)
	if now.Generation != a.Generation {
		return fmt.Errorf("%w: it is of generation %s, the anchor of %s", ErrRolledBack, now.Generation, a.Generation)
	}
	if m.Size < a.Size || m.Rev < a.Rev {
		return fmt.Errorf("%w: it has %d entries and revocation %d, the anchor %d and %d; an old copy would bring revoked tokens back to life",
			ErrRolledBack, m.Size, m.Rev, a.Size, a.Rev)
	}
	if a.Size == 0 {
		return nil
	}
	head, err := s.leaf(ctx, a.Size-1)
	if err != nil {
		return err
	}
	if head != a.Head {
		return fmt.Errorf("%w: its entry %d is not the one that the anchor knows", ErrRolledBack, a.Size-1)
	}
	return nil
}

// leaf is the leaf hash of an entry (RFC 6962 section 2.1), as an anchor writes it.
func (s *Store) leaf(ctx context.Context, index uint64) (hash string, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		return r.Entries(index, func(_ uint64, entry []byte) bool {
			sum := sha256.Sum256(append([]byte{0}, entry...))
			hash = anchorOf(store.Meta{Head: sum}).Head
			return false
		})
	})
	return hash, err
}

func (s *Store) begin(ctx context.Context, random io.Reader) error {
	var generation [16]byte
	if _, err := io.ReadFull(random, generation[:]); err != nil {
		return err
	}
	outcomes, err := s.Store.Update(ctx, func(tx store.Tx) error { return tx.SetGeneration(generation) })
	return errors.Join(append(outcomes, err)...)
}

// Update implements [store.Store]. When it returns, the anchor holds every commit that takes power
// away or makes something that must not come back; it may be behind by [lag] for commits that only
// append entries and tokens. If the anchor can't be written the commit stands all the same, and Update
// says so: nothing more is committed until the anchor has caught up.
func (s *Store) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owed && s.saved.IsZero() {
		if err := s.anchor(ctx); err != nil {
			return nil, err
		}
	}
	binding := false
	wrapped := make([]func(store.Tx) error, len(fns))
	for i, fn := range fns {
		wrapped[i] = func(tx store.Tx) error { return fn(&watcher{Tx: tx, binding: &binding}) }
	}
	outcomes, err := s.Store.Update(ctx, wrapped...)
	if err != nil {
		return outcomes, err
	}
	s.owed = true
	if !binding && s.now().Sub(s.saved) < lag {
		return outcomes, nil
	}
	return outcomes, s.anchor(context.WithoutCancel(ctx))
}

// anchor writes the anchor of the state as it is.
func (s *Store) anchor(ctx context.Context) error {
	meta, err := s.meta(ctx)
	if err == nil {
		err = save(s.path, anchorOf(meta))
	}
	if err != nil {
		s.saved, s.owed = time.Time{}, true
		return err
	}
	s.saved, s.owed = s.now(), false
	return nil
}

// Close brings the anchor up to date and closes the store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.owed {
		err = s.anchor(context.Background())
	}
	return errors.Join(err, s.Store.Close())
}

// watcher notices writes that the anchor must hold before they are answered.
type watcher struct {
	store.Tx
	binding *bool
}

func (w *watcher) PutPolicy(p store.Policy) error {
	*w.binding = true
	return w.Tx.PutPolicy(p)
}

func (w *watcher) PutKey(k store.Key) error {
	*w.binding = true
	return w.Tx.PutKey(k)
}

func (w *watcher) DeleteKey(id string) error {
	*w.binding = true
	return w.Tx.DeleteKey(id)
}

func (w *watcher) PutCredential(c store.Credential) error {
	*w.binding = true
	return w.Tx.PutCredential(c)
}

func (w *watcher) DeleteCredential(client, id string) error {
	*w.binding = true
	return w.Tx.DeleteCredential(client, id)
}

func (w *watcher) PutUses(u store.Uses) error {
	*w.binding = true
	return w.Tx.PutUses(u)
}

func (w *watcher) AppendRevocation(r store.Revocation) (uint64, error) {
	*w.binding = true
	return w.Tx.AppendRevocation(r)
}

func (w *watcher) DeleteRevocation(seq uint64) error {
	*w.binding = true
	return w.Tx.DeleteRevocation(seq)
}
