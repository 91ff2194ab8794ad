package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/whittle-sts/whittle/internal/durable"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/sealed"
)

// vault is the key-encryption key with the store that it opens. It is the engine's [engine.Vault].
type vault struct {
	*sealed.Store
	source, next seal.Source // next may be none
	random       io.Reader
	logger       *slog.Logger
	kick         chan struct{} // holds one value when there is something to seal anew

	mu  sync.Mutex
	kek seal.KEK
}

var _ engine.Vault = (*vault)(nil)

// openVault finds the key-encryption key that opens the database, and makes one for a database that was never
// sealed. A rotation may have been interrupted between the database and the key's own place: then the next
// key opens it, and is put in its place.
func (s *Server) openVault(ctx context.Context, db store.Store, source seal.Source) (*vault, error) {
	v := &vault{source: source, random: s.config.Random, logger: s.config.Logger, kick: make(chan struct{}, 1)}
	var err error
	if v.next, err = seal.ParseSource(s.config.KEKNext); err != nil {
		return nil, err
	}
	if v.kek, err = v.load(ctx, db); err != nil {
		return nil, err
	}
	v.Store, err = sealed.Open(ctx, db, v.kek, v.random)
	if errors.Is(err, sealed.ErrKEK) {
		err = v.openByNext(ctx, db, fmt.Errorf("%w (%s): name the key that sealed it (kek), or put that one in its place", err, source))
	}
	if err != nil {
		return nil, err
	}
	if v.Resealing() {
		v.kick <- struct{}{}
	}
	return v, nil
}

// load loads the key, and makes it where it is a file for a database that was never sealed. For one that was,
// a new key would open nothing, so a missing file is an error.
func (v *vault) load(ctx context.Context, db store.Store) (seal.KEK, error) {
	kek, err := v.source.Load(ctx)
	if !errors.Is(err, os.ErrNotExist) {
		return kek, err
	}
	switch sealed, viewed := sealed.IsSealed(ctx, db); {
	case viewed != nil:
		return nil, viewed
	case sealed:
		return nil, lostKEK(err)
	}
	return seal.CreateFile(v.source.File(), v.random)
}

// openByNext tries the next key. why is what the one in force was refused for.
func (v *vault) openByNext(ctx context.Context, db store.Store, why error) error {
	kek, err := v.nextSource().Load(ctx)
	if err != nil {
		return why
	}
	if v.Store, err = sealed.Open(ctx, db, kek, v.random); err != nil {
		return why
	}
	v.kek = kek
	return v.adopt()
}

// nextSource is where the next key is: where the settings say, else beside the file.
func (v *vault) nextSource() seal.Source {
	if !v.next.IsZero() || v.source.File() == "" {
		return v.next
	}
	next, _ := seal.ParseSource("file:" + v.source.File() + ".next") // it is well formed
	return next
}

// Next implements [engine.Vault].
func (v *vault) Next(ctx context.Context) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	kek, err := v.loadNext(ctx)
	if err != nil {
		return "", err
	}
	return kek.ID(), nil
}

func (v *vault) loadNext(ctx context.Context) (seal.KEK, error) {
	source := v.nextSource()
	if source.IsZero() {
		return nil, engine.ErrNoNextKEK
	}
	kek, err := source.Load(ctx)
	if errors.Is(err, os.ErrNotExist) && v.next.IsZero() {
		kek, err = seal.CreateFile(source.File(), v.random)
	}
	if err != nil {
		return nil, fmt.Errorf("the next key: %w", err)
	}
	if kek.ID() == v.kek.ID() {
		return nil, engine.ErrNoNextKEK
	}
	return kek, nil
}

// Rotate implements [engine.Vault].
func (v *vault) Rotate(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	kek, err := v.loadNext(ctx)
	if err != nil {
		return err
	}
	if err := v.Store.Rotate(ctx, kek); err != nil {
		return err
	}
	v.kek = kek
	select {
	case v.kick <- struct{}{}:
	default: // it is about to run anyway
	}
	return v.adopt()
}

// adopt puts the next key, which opens the database now, into the place of the one before. That one is kept
// under its id: copies of the state from before still need it.
func (v *vault) adopt() error {
	if !v.next.IsZero() {
		v.logger.Warn("the key-encryption key is the one that kek_next names: make kek what kek_next is, and remove kek_next")
		return nil
	}
	path := v.source.File()
	old, err := seal.LoadFile(path)
	if err == nil {
		err = os.Link(path, path+"."+old.ID()) // not renamed: at no moment is there no key in its place
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("keep the key-encryption key before: %w", err)
	}
	if err := os.Rename(path+".next", path); err != nil {
		return fmt.Errorf("put the new key-encryption key in its place: %w", err)
	}
	return durable.SyncFolder(filepath.Dir(path))
}

// KEK implements [engine.Vault].
func (v *vault) KEK() string { return v.Store.KEK() }

// reseal seals the state anew whenever the key was rotated, until ctx is done.
func (v *vault) reseal(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-v.kick:
		}
		v.mu.Lock()
		kek := v.kek
		v.mu.Unlock()
		err := v.Reseal(ctx, kek)
		if err == nil {
			err = v.Scrub(ctx) // what the old key opens still stands in free space
		}
		switch {
		case err == nil:
			v.logger.Info("the state is sealed anew", slog.String("kek", kek.ID()))
		case ctx.Err() == nil:
			v.logger.Error("sealing the state anew failed; the next start goes on with it", slog.String("error", err.Error()))
		}
	}
}
