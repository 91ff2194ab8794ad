package issuer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/whittle-sts/whittle/internal/token"
)

// source holds the keys of one issuer. It has no timer: a look finds out what is due. Keys that
// are three quarters through their time are refreshed behind the looks; keys past it are
// refreshed before the look is answered, so that a key the issuer took away isn't used once
// more after a quiet night. If the issuer can't be reached, the old keys serve for staleAge and
// then nothing does.
type source struct {
	load func(context.Context) (*token.KeySet, time.Duration, error)
	now  func() time.Time

	ctx    context.Context // of all fetches; ends when the source is closed
	cancel context.CancelFunc
	done   *sync.WaitGroup // all fetches of the Set

	mu     sync.Mutex    // over everything below
	flight chan struct{} // closed when the running fetch has ended; nil if none runs
	asked  time.Time     // when the last fetch began
	failed time.Time     // the same, if it failed; else zero
	cause  error         // why it failed

	keys  *token.KeySet // nil: never had any
	ahead time.Time     // from here on a refresh is due
	fresh time.Time     // from here on it is overdue
	stale time.Time     // from here on the keys are no longer used
}

func newSource(done *sync.WaitGroup, now func() time.Time, load func(context.Context) (*token.KeySet, time.Duration, error)) *source {
	s := &source{load: load, now: now, done: done}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// close ends the running fetch and starts no other. The keys are gone.
func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = nil
	s.cancel()
}

// current is the keys as the issuer last published them, or ErrUnavailable.
func (s *source) current(ctx context.Context) (*token.KeySet, error) {
	now := s.now()
	s.mu.Lock()
	if s.keys != nil && now.Before(s.ahead) {
		defer s.mu.Unlock()
		return s.keys, nil
	}
	flight := s.refresh(now)
	if flight == nil || s.answered(now) {
		defer s.mu.Unlock()
		return s.usable(now)
	}
	s.mu.Unlock()
	return s.wait(ctx, flight)
}

// afresh is the keys after one more look at the issuer, for a token whose key isn't among those
// that were had. At most one such look begins in askAgain, whatever comes in: until then every
// unknown key stays unknown. It is ErrUnavailable if the issuer's last answer was a failure,
// since the key may be a good one.
func (s *source) afresh(ctx context.Context, had *token.KeySet) (*token.KeySet, error) {
	now := s.now()
	s.mu.Lock()
	var flight chan struct{}
	if s.keys == had && (s.flight != nil || now.Sub(s.asked) >= askAgain) {
		flight = s.refresh(now)
	}
	s.mu.Unlock()
	if flight != nil {
		if _, err := s.wait(ctx, flight); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.failed.IsZero() {
		return nil, s.unavailable()
	}
	return s.usable(now)
}

// usable is the keys if they aren't too old. The caller holds mu.
func (s *source) usable(now time.Time) (*token.KeySet, error) {
	if s.keys == nil || !now.Before(s.stale) {
		return nil, s.unavailable()
	}
	return s.keys, nil
}

// unavailable says why there are no keys, for the record; at no length, since the issuer can have
// its answer quoted in an error. The caller holds mu.
func (s *source) unavailable() error {
	if s.cause == nil {
		return ErrUnavailable
	}
	return fmt.Errorf("%w: %.300s", ErrUnavailable, s.cause.Error())
}

// answered says that a look needn't wait for the running refresh: there are keys, and they are in
// their time or the issuer failed to answer just now. The caller holds mu.
func (s *source) answered(now time.Time) bool {
	if s.keys == nil || !now.Before(s.stale) {
		return false
	}
	return now.Before(s.fresh) || !s.failed.IsZero() && now.Sub(s.failed) < time.Minute
}

// refresh joins the running fetch or begins one; nil if it is too early for another. The caller
// holds mu.
func (s *source) refresh(now time.Time) chan struct{} {
	if s.flight != nil {
		return s.flight
	}
	if s.ctx.Err() != nil || !s.failed.IsZero() && now.Sub(s.failed) < retryAfter {
		return nil
	}
	flight := make(chan struct{})
	s.flight, s.asked = flight, now
	s.done.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, fetchTimeout)
		defer cancel()
		keys, goodFor, err := s.load(ctx)
		s.settle(keys, goodFor, err)
		close(flight)
	})
	return flight
}

// settle takes over what a fetch brought. Times count from its beginning.
func (s *source) settle(keys *token.KeySet, goodFor time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight = nil
	if err != nil {
		s.failed, s.cause = s.asked, err
		return
	}
	if s.ctx.Err() != nil {
		return // closed meanwhile
	}
	s.failed, s.cause = time.Time{}, nil
	s.keys = keys
	s.ahead = s.asked.Add(goodFor * 3 / 4)
	s.fresh = s.asked.Add(goodFor)
	s.stale = s.fresh.Add(staleAge)
}

// wait waits for the fetch, but no longer than the caller does.
func (s *source) wait(ctx context.Context, flight chan struct{}) (*token.KeySet, error) {
	select {
	case <-flight:
	case <-ctx.Done():
		return nil, ErrUnavailable
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usable(s.now())
}
