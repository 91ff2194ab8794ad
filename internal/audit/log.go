package audit

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// Config is what a Log works with. Store, Now and Random are needed.
type Config struct {
	Store  store.Store      // nobody else writes to it
	Now    func() time.Time // never goes back
	Random io.Reader        // cryptographic, safe for concurrent use
	// Issuer is whose log it is: with the store's generation, it makes the log's name when a generation begins.
	// Empty: the one of the generation before, for who restores.
	Issuer string
	// Room says why no more is written of refusals and uses than must be, for want of disk space; nil: there always is room.
	Room func() error
	// Uses is how long uses of tokens may be counted in memory only, at most a minute: what a crash may lose.
	// Default: a minute.
	Uses time.Duration
}

// Log is the audit log and the one writer of state. It is safe for concurrent use.
type Log struct {
	store  store.Store
	now    func() time.Time
	random io.Reader
	room   func() error

	people   *people
	standing *standing
	refusals *refusals
	uses     *uses
	growth   growth

	tree      atomic.Pointer[tree.Tree] // of what is durable
	extension extension
	signer    *signer

	queue   chan *call
	stopped chan struct{} // closed when the sequencer has ended

	mu      sync.RWMutex // guards closed; never held while waiting
	closed  bool
	running sync.WaitGroup // calls of Do
}

// pepperName is the secret that keys how people's records are found. It never changes: with another
// one, nobody would be found again.
const pepperName = "audit.pepper"

// Open starts the log of a store. Close ends it.
func Open(c Config) (*Log, error) {
	if c.Store == nil || c.Now == nil || c.Random == nil {
		return nil, errors.New("audit: a part is missing from the configuration")
	}
	if c.Uses <= 0 || c.Uses > time.Minute {
		c.Uses = time.Minute
	}
	pepper, size, err := begin(c)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	edge, err := openTree(c)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	signer, err := openSigner(c)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if c.Room == nil {
		c.Room = func() error { return nil }
	}
	l := &Log{
		store: c.Store, now: c.Now, random: c.Random, room: c.Room,
		people: newPeople(pepper, c.Random), standing: newStanding(), refusals: newRefusals(), uses: newUses(c.Uses), signer: signer,
		queue: make(chan *call, maxBatch), stopped: make(chan struct{}),
	}
	l.growth.to(size)
	l.tree.Store(edge)
	go l.sequence()
	go l.recordRefusals()
	go l.recordUses()
	return l, nil
}

// DeriveKey makes a key for one purpose of the log's pepper, which is sealed in the store (RFC 5869). A log that was begun has
// one.
func DeriveKey(r store.Reader, purpose string) (*seal.Key, error) {
	pepper, err := r.Secret(pepperName)
	if err != nil {
		return nil, fmt.Errorf("the pepper: %w", err)
	}
	secret, err := hkdf.Key(sha256.New, pepper, nil, purpose, seal.KeySize)
	if err != nil {
		return nil, err
	}
	return seal.NewKey(secret)
}

// begin reads the pepper and how long the log is. In a new store it makes the pepper, which gives no power,
// so no entry tells of it.
func begin(c Config) (pepper []byte, size uint64, err error) {
	outcomes, err := c.Store.Update(context.Background(), func(tx store.Tx) error {
		meta, err := tx.Meta()
		if err != nil {
			return err
		}
		size = meta.Size
		stored, err := tx.Secret(pepperName)
		if !errors.Is(err, store.ErrNotFound) {
			pepper = bytes.Clone(stored)
			return err
		}
		pepper = make([]byte, 32)
		if _, err := io.ReadFull(c.Random, pepper); err != nil {
			return err
		}
		return tx.PutSecret(pepperName, pepper)
	})
	if err := errors.Join(append(outcomes, err)...); err != nil {
		return nil, 0, fmt.Errorf("the pepper: %w", err)
	}
	if len(pepper) != 32 {
		return nil, 0, fmt.Errorf("the pepper: %w", store.ErrCorrupt)
	}
	return pepper, size, nil
}

// Close records the refusals and uses counted so far, waits for all calls of Do and ends the log. The store
// stays open.
func (l *Log) Close() {
	l.refusals.stop()
	l.uses.stop()
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	if first {
		l.running.Wait()
		close(l.queue)
	}
	<-l.stopped
}

// Prepare seals and encodes an event. It is the costly part of an entry and touches neither store nor
// sequencer, so it runs wherever the caller is, also within an op. The entry's size is final: what was
// prepared can be written. Errors: [ErrEvent], [ErrTooLarge].
func (l *Log) Prepare(e Event) (Entry, error) {
	if err := l.complete(&e); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	sealers := make([]sealer, len(e.People))
	for i := range e.People {
		p := &e.People[i]
		s, err := l.people.sealer(p.who(), e.Time)
		if err != nil {
			return Entry{}, err
		}
		if err := p.seal(s.record, e.Decision, i); err != nil {
			return Entry{}, err
		}
		sealers[i] = s
	}
	b, err := encode(&e)
	if err != nil {
		return Entry{}, err
	}
	return Entry{event: &e, bytes: b, sealers: sealers}, nil
}

// complete fills in what Prepare may, and copies what it will change.
func (l *Log) complete(e *Event) (err error) {
	e.Format = Format
	e.People = slices.Clone(e.People)
	e.hush()
	if e.Detail != "" && len(e.People) > 0 {
		e.People[0].Detail, e.Detail = e.Detail, "" // such words tend to name who they are about
	}
	if e.Decision == "" {
		if e.Time.IsZero() {
			e.Time = l.now()
		}
		if e.Decision, err = NewDecision(e.Time, l.random); err != nil {
			return err
		}
	}
	if e.Time.IsZero() {
		if e.Time, err = decisionTime(e.Decision); err != nil {
			return err
		}
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	for i := range e.People {
		if err := e.People[i].checkNamed(); err != nil {
			return err
		}
	}
	return e.check()
}
