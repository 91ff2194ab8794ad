package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// signEvery is how far apart checkpoints are while there is traffic: an entry is covered within a second.
const signEvery = time.Second / 2

// keyName is the secret that the log's signing key is made of. Token keys are others.
const keyName = "audit.key"

// nextKeyName is what the key that takes over is made of, from its entry until it has; handoversName is the handovers.
const (
	nextKeyName   = "audit.key.next"
	handoversName = "audit.key.handovers"
)

// ErrForked says that a checkpoint would contradict one that was signed: the state isn't the one that signed it.
var ErrForked = errors.New("the log has signed another state")

// signer signs what is durable, each state at most once and never an older or another one.
type signer struct {
	keys atomic.Pointer[keys]

	mu        sync.Mutex // held while a checkpoint is made durable
	signed    atomic.Pointer[store.Checkpoint]
	witnessed atomic.Pointer[store.Checkpoint]
}

// keys is the key in force, and what the log signed with earlier ones. It never changes.
type keys struct {
	key       *checkpoint.Key
	next      *checkpoint.Key // that an entry names and that is to take over; nil: none
	handovers [][]byte
	since     uint64            // the size of the log when the key took over; 0: it was the first
	trust     *checkpoint.Trust // in the log's own keys alone
}

// openSigner makes the keys of the log's generation and takes up what was signed so far.
func openSigner(c Config) (*signer, error) {
	secrets, origin, err := loadSecrets(c)
	if err != nil {
		return nil, err
	}
	k, err := secrets.keys(origin)
	if err != nil {
		return nil, err
	}
	s := new(signer)
	s.keys.Store(k)
	return s, c.Store.View(context.Background(), s.resume)
}

func (s *signerSecrets) keys(origin string) (k *keys, err error) {
	k = &keys{handovers: checkpoint.SplitHandovers(s.handovers)}
	if k.key, err = checkpoint.NewKey(origin, s.seed); err != nil {
		return nil, err
	}
	if len(s.next) > 0 {
		if k.next, err = checkpoint.NewKey(origin, s.next); err != nil {
			return nil, err
		}
	}
	return k, k.trusted()
}

// trusted makes the trust in all keys.
func (k *keys) trusted() error {
	own, err := checkpoint.NewTrust(k.key.Verifier(), nil, 0)
	if err != nil {
		return err
	}
	var followed []checkpoint.Checkpoint
	k.trust, followed, err = own.Follow(k.handovers)
	for _, h := range followed {
		k.since = max(k.since, h.Size)
	}
	return err
}

// vouch says why the checkpoint's note isn't one of these keys, of that very state.
func (k *keys) vouch(c store.Checkpoint) error {
	note, err := k.trust.Open(c.Note)
	if err != nil {
		return err
	}
	if note.Size != c.Size {
		return fmt.Errorf("its note is of %d entries, not of %d", note.Size, c.Size)
	}
	if note.Root != c.Root {
		return fmt.Errorf("its note of %d entries has another root", c.Size)
	}
	return nil
}

// signerSecrets is what the store keeps of the keys.
type signerSecrets struct {
	seed, next []byte // of the key in force, and of one that is to take over
	handovers  []byte // no secret, but it belongs to them
}

// loadSecrets reads what the key is made of and the log's name, and makes them in a new store. It gives no power, so no
// entry tells of it. The name stays for the whole generation, whatever becomes of the issuer's.
func loadSecrets(c Config) (s signerSecrets, origin string, err error) {
	outcomes, err := c.Store.Update(context.Background(), func(tx store.Tx) error {
		meta, err := tx.Meta()
		if err != nil {
			return err
		}
		stored, err := tx.Secret(keyName)
		switch {
		case errors.Is(err, store.ErrNotFound):
			s.seed = make([]byte, checkpoint.SeedSize)
			if _, err := io.ReadFull(c.Random, s.seed); err != nil {
				return err
			}
		case err != nil:
			return err
		case len(stored) < checkpoint.SeedSize:
			return store.ErrCorrupt
		default:
			s.seed, origin = bytes.Clone(stored[:checkpoint.SeedSize]), string(stored[checkpoint.SeedSize:])
		}
		if checkpoint.OfGeneration(origin, meta.Generation) {
			return s.loadOthers(tx)
		}
		if origin, err = nameLog(c.Issuer, origin, meta.Generation); err != nil {
			return err
		}
		return errors.Join(
			tx.PutSecret(keyName, append(bytes.Clone(s.seed), origin...)), // of another log: what was signed before is not its
			tx.PutSecret(nextKeyName, nil), tx.PutSecret(handoversName, nil))
	})
	if err := errors.Join(append(outcomes, err)...); err != nil {
		return s, "", fmt.Errorf("the key of the log: %w", err)
	}
	return s, origin, nil
}

func (s *signerSecrets) loadOthers(r store.Reader) error {
	for name, to := range map[string]*[]byte{nextKeyName: &s.next, handoversName: &s.handovers} {
		value, err := r.Secret(name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		*to = bytes.Clone(value)
	}
	return nil
}

// nameLog is the name of a generation's log, which is new or restored.
func nameLog(issuer, before string, generation [16]byte) (string, error) {
	switch {
	case issuer != "":
		return checkpoint.Origin(issuer, generation), nil
	case before != "":
		return checkpoint.Successor(before, generation), nil
	default:
		return "", errors.New("nobody says whose log it is")
	}
}

// resume reads the newest checkpoints, and holds them against the log: what was signed must be how it began.
func (s *signer) resume(r store.Reader) error {
	meta, err := r.Meta()
	if err != nil {
		return err
	}
	for witnessed, newest := range map[bool]*atomic.Pointer[store.Checkpoint]{false: &s.signed, true: &s.witnessed} {
		c, err := r.Checkpoint(witnessed)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.keys.Load().vouch(c); err != nil {
			return fmt.Errorf("%w: the newest checkpoint isn't what this log signs: %w", store.ErrCorrupt, err)
		}
		if c.Size > meta.Treed {
			return fmt.Errorf("%w: %d entries, but there are %d", ErrForked, c.Size, meta.Treed)
		}
		root, err := tree.NewReader(r, meta.Treed).Root(c.Size)
		if err != nil {
			return err
		}
		if root != c.Root {
			return fmt.Errorf("%w: its first %d entries were others", ErrForked, c.Size)
		}
		newest.Store(&c)
	}
	return nil
}

// Verifier is the key that others check this log's checkpoints with.
func (l *Log) Verifier() string { return l.signer.keys.Load().key.Verifier() }

// Origin names this log.
func (l *Log) Origin() string { return l.signer.keys.Load().key.Origin() }

// Signed is the newest checkpoint; false before the first.
func (l *Log) Signed() (store.Checkpoint, bool) { return newest(&l.signer.signed) }

// Witnessed is the newest checkpoint that enough witnesses have co-signed; false before the first.
func (l *Log) Witnessed() (store.Checkpoint, bool) { return newest(&l.signer.witnessed) }

func newest(p *atomic.Pointer[store.Checkpoint]) (store.Checkpoint, bool) {
	if c := p.Load(); c != nil {
		return *c, true
	}
	return store.Checkpoint{}, false
}

// Sign makes a checkpoint of all that is durable, unless there is one. It is durable itself, in the anchor
// too, before anybody sees it.
func (l *Log) Sign(ctx context.Context) (store.Checkpoint, error) {
	s := l.signer
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys.Load().next != nil {
		if err := l.handOver(ctx); err != nil {
			return store.Checkpoint{}, err
		}
	}
	t := l.tree.Load()
	if last, ok := l.Signed(); ok && last.Size == t.Size() {
		return last, nil
	}
	note, err := s.keys.Load().key.Sign(t.Size(), t.Root())
	if err != nil {
		return store.Checkpoint{}, err
	}
	next := store.Checkpoint{Size: t.Size(), Root: t.Root(), Note: note, Edge: tree.Join(t.Edge())}
	if err := l.keep(ctx, next); err != nil {
		return store.Checkpoint{}, err
	}
	s.signed.Store(&next)
	return next, nil
}

// KeepWitnessed makes a checkpoint durable that enough witnesses have co-signed, and shows it. It is one that was signed.
func (l *Log) KeepWitnessed(ctx context.Context, c store.Checkpoint) error {
	s := l.signer
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.keys.Load().vouch(c); err != nil {
		return fmt.Errorf("%w: not a checkpoint of this log: %w", ErrForked, err)
	}
	c.Witnessed = true
	if err := l.keep(ctx, c); err != nil {
		return err
	}
	s.witnessed.Store(&c)
	return nil
}

// keep writes a checkpoint that contradicts none before it.
func (l *Log) keep(ctx context.Context, next store.Checkpoint) error {
	outcomes, err := l.store.Update(ctx, func(tx store.Tx) error {
		if err := mayFollow(tx, next); err != nil {
			return err
		}
		return tx.PutCheckpoint(next)
	})
	if err := errors.Join(append(outcomes, err)...); err != nil {
		return fmt.Errorf("%w: checkpoint: %w", ErrUnavailable, err)
	}
	return nil
}

// mayFollow says why the checkpoint would contradict the store, or one before it.
func mayFollow(r store.Reader, next store.Checkpoint) error {
	meta, err := r.Meta()
	if err != nil {
		return err
	}
	if meta.Treed < next.Size || meta.Treed == next.Size && next.Size > 0 && meta.Root != next.Root {
		return fmt.Errorf("%w: the store has %d entries, not these %d", ErrForked, meta.Treed, next.Size)
	}
	last, err := r.Checkpoint(next.Witnessed)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case last.Size > next.Size, last.Size == next.Size && last.Root != next.Root:
		return fmt.Errorf("%w: %d entries, after %d", ErrForked, next.Size, last.Size)
	}
	return nil
}

// KeepSigned signs what comes, within a second, until ctx is done. What fails is told and tried again.
func (l *Log) KeepSigned(ctx context.Context, failed func(error)) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		last, err := l.Sign(ctx)
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
		if err == nil {
			select {
			case <-ctx.Done():
				return
			case <-l.Grown(last.Size):
			}
		}
		pause.Reset(signEvery)
	}
}
