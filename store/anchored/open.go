package anchored

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// Why a database is not served.
var (
	ErrRolledBack = errors.New("the database is not the one that the anchor was written for, or an older copy of it")
	ErrNoAnchor   = errors.New("the database is in use but has no anchor")
)

// Config is what [Open] works with. All of it is needed, but for OpenFile.
type Config struct {
	Store  store.Store
	Path   string    // of the anchor, beside the key-encryption key and so apart from the database
	Random io.Reader // cryptographic; names the generation of a new database

	OpenFile func(path string) (File, error) // opens the anchor to write it. Default: the system's
}

func (c Config) store() *Store {
	s := &Store{inner: c.Store, path: c.Path, openFile: c.OpenFile}
	if s.openFile == nil {
		s.openFile = openFile
	}
	return s
}

// Open holds the database against its anchor. A new database gets its generation and its anchor. After
// an error, which may match [ErrRolledBack] or [ErrNoAnchor], the store is still the caller's to close.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := c.store()
	meta, err := s.meta(ctx)
	if err != nil {
		return nil, err
	}
	saved, found, _, err := load(c.Path)
	if err != nil {
		return nil, err
	}
	isNew := meta.Size == 0 && meta.Rev == 0 && meta.Policy == 0
	switch {
	case found:
		s.saved = saved
		err = s.check(ctx, meta, saved.anchor)
	case isNew:
		err = s.begin(ctx, meta, c.Random)
	default:
		err = noAnchor(c.Path)
	}
	if err == nil && found {
		err = s.anchor(ctx)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Renew makes the anchor of a database that was restored, in the place of that of an earlier generation.
// The store is still the caller's to close.
func Renew(ctx context.Context, c Config) error {
	s := c.store()
	meta, err := s.meta(ctx)
	if err != nil {
		return err
	}
	return create(c.Path, anchorOf(meta))
}

// Check holds the database against its anchor as [Open] does, and changes nothing.
func Check(ctx context.Context, c Config) error {
	s := c.store()
	meta, err := s.meta(ctx)
	if err != nil {
		return err
	}
	saved, found, half, err := load(c.Path)
	switch {
	case err != nil:
		return err
	case !found:
		return noAnchor(c.Path)
	case half:
		err = fmt.Errorf("%w: one of the two lines of the anchor %s is damaged, or was being written when the machine stopped; the next start with commits mends it",
			store.ErrCorrupt, c.Path)
	}
	return errors.Join(err, s.check(ctx, meta, saved.anchor))
}

func noAnchor(path string) error {
	return fmt.Errorf("%w: there is no %s; without it an old copy can't be told from the newest: put the anchor back", ErrNoAnchor, path)
}

// begin names the generation, unless an earlier start came as far as that and no further, and makes
// the anchor.
func (s *Store) begin(ctx context.Context, m store.Meta, random io.Reader) error {
	if m.Generation == [16]byte{} {
		if _, err := io.ReadFull(random, m.Generation[:]); err != nil {
			return fmt.Errorf("name a generation: %w", err)
		}
		outcomes, err := s.inner.Update(ctx, func(tx store.Tx) error { return tx.SetGeneration(m.Generation) })
		if err := errors.Join(append(outcomes, err)...); err != nil {
			return err
		}
	}
	s.saved = slot{anchor: anchorOf(m), Count: slots - 1}
	return create(s.path, s.saved.anchor)
}

// check compares: the database must have come at least as far as the anchor, by the same way.
func (s *Store) check(ctx context.Context, m store.Meta, a anchor) error {
	now := anchorOf(m)
	switch {
	case m.Generation == [16]byte{}:
		return s.rolledBack("it is empty")
	case now.Generation != a.Generation:
		return s.rolledBack("it is of generation %s, the anchor of %s", now.Generation, a.Generation)
	case m.Treed < a.Size || m.Rev < a.Rev:
		return s.rolledBack("it has %d entries and revocation %d, the anchor %d and %d; to serve it would bring revoked tokens back to life",
			m.Treed, m.Rev, a.Size, a.Rev)
	case a.Size == 0:
		return nil
	}
	root, err := s.root(ctx, m, a.Size)
	if err != nil {
		return err
	}
	if root != a.Root {
		return s.rolledBack("its first %d entries are not the ones that the anchor knows", a.Size)
	}
	return nil
}

func (s *Store) rolledBack(format string, values ...any) error {
	return fmt.Errorf("%w: %s (anchor %s); put the newest copy of the database in its place", ErrRolledBack, fmt.Sprintf(format, values...), s.path)
}

// root is the root that the log had at that size, as an anchor writes it.
func (s *Store) root(ctx context.Context, m store.Meta, size uint64) (text string, err error) {
	err = s.inner.View(ctx, func(r store.Reader) error {
		root, err := tree.NewReader(r, m.Treed).Root(size)
		text = hex.EncodeToString(root[:])
		return err
	})
	return text, err
}
