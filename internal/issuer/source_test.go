package issuer

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whittle-sts/whittle/internal/token"
)

// publisher stands for the issuer behind a source. Its tests run in bubbles, on the bubble's clock.
type publisher struct {
	*source
	fetches atomic.Int32

	mu       sync.Mutex
	keys     *token.KeySet
	goodFor  time.Duration
	takes    time.Duration
	err      error
	stubborn bool // answers also when nobody waits
}

func publish(t *testing.T, goodFor time.Duration) *publisher {
	t.Helper()
	p := &publisher{keys: new(token.KeySet), goodFor: goodFor}
	var done sync.WaitGroup
	p.source = newSource(&done, time.Now, p.load)
	t.Cleanup(func() { p.close(); done.Wait() })
	return p
}

func (p *publisher) load(ctx context.Context) (*token.KeySet, time.Duration, error) {
	p.fetches.Add(1)
	p.mu.Lock()
	keys, goodFor, takes, err, stubborn := p.keys, p.goodFor, p.takes, p.err, p.stubborn
	p.mu.Unlock()
	if stubborn {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-time.After(takes):
		return keys, goodFor, err
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

func (p *publisher) set(change func()) *token.KeySet {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	return p.keys
}

func (p *publisher) rotate() *token.KeySet { return p.set(func() { p.keys = &token.KeySet{} }) }
func (p *publisher) down()                 { p.set(func() { p.err = errors.New("down") }) }

// want looks and says what is wrong with what came, and with how often the issuer was asked.
func (p *publisher) want(t *testing.T, when string, keys *token.KeySet, fetches int32) {
	t.Helper()
	got, err := p.current(t.Context())
	if keys == nil && !errors.Is(err, ErrUnavailable) {
		t.Errorf("%s: %v, want ErrUnavailable", when, err)
	}
	if got != keys {
		t.Errorf("%s: %p, %v, want %p", when, got, err, keys)
	}
	synctest.Wait()
	if n := p.fetches.Load(); n != fetches {
		t.Errorf("%s: %d fetches, want %d", when, n, fetches)
	}
}

func TestKeysAreRefreshedBehindTheLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, 4*time.Minute)
		first := p.keys
		p.want(t, "first", first, 1)
		second := p.rotate()
		time.Sleep(3*time.Minute - 1)
		p.want(t, "while fresh", first, 1)
		time.Sleep(time.Nanosecond)
		p.want(t, "when a refresh is due", first, 2)
		p.want(t, "after the refresh", second, 2)
	})
}

func TestAKeyThatWasTakenAwayIsNotUsedAfterAQuietNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, 4*time.Minute)
		p.want(t, "first", p.keys, 1)
		second := p.rotate()
		time.Sleep(4 * time.Minute)
		p.set(func() { p.takes = time.Second })
		p.want(t, "past its time", second, 2)
	})
}

func TestStaleKeysServeWhileTheIssuerIsDownAndThenNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, 10*time.Minute)
		keys := p.keys
		p.want(t, "first", keys, 1)
		p.down()
		time.Sleep(10 * time.Minute)
		p.want(t, "past max-age", keys, 2)
		p.want(t, "at once again", keys, 2)
		time.Sleep(retryAfter)
		p.want(t, "after a pause", keys, 3)
		time.Sleep(staleAge - retryAfter - 1)
		p.want(t, "at the last moment", keys, 4)
		time.Sleep(time.Nanosecond)
		p.want(t, "past the bound", nil, 4)
		p.set(func() { p.err = nil })
		time.Sleep(retryAfter)
		p.want(t, "back", keys, 5)
	})
}

func TestAHangingIssuerHoldsUpNobodyTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, 10*time.Minute)
		keys := p.keys
		p.want(t, "first", keys, 1)
		p.set(func() { p.takes = time.Hour })
		time.Sleep(10 * time.Minute)
		began := time.Now()
		p.want(t, "first look past the time", keys, 2)
		if took := time.Since(began); took != fetchTimeout {
			t.Errorf("it took %v", took)
		}
		for range 20 {
			time.Sleep(retryAfter)
			began := time.Now()
			if got, err := p.current(t.Context()); got != keys || time.Since(began) != 0 {
				t.Errorf("%p, %v after %v", got, err, time.Since(began))
			}
		}
	})
}

func TestAnIssuerCannotFillTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, time.Minute)
		p.set(func() { p.err = errors.New(strings.Repeat("x", 1<<20)) })
		if _, err := p.current(t.Context()); !errors.Is(err, ErrUnavailable) || len(err.Error()) > 400 {
			t.Errorf("%.100v", err)
		}
	})
}

func TestALookWaitsNoLongerThanItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, time.Minute)
		p.set(func() { p.takes = 3 * time.Second })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.current(ctx); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%v, want ErrUnavailable", err)
		}
		p.want(t, "the fetch went on", p.keys, 1)
	})
}

func TestManyLooksShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, time.Minute)
		p.set(func() { p.takes = time.Second })
		var looks sync.WaitGroup
		for range 100 {
			looks.Go(func() {
				if keys, err := p.current(t.Context()); keys != p.keys {
					t.Errorf("%p, %v", keys, err)
				}
			})
		}
		looks.Wait()
		p.want(t, "after all", p.keys, 1)
	})
}

func TestUnknownKeysCauseOneFetchInHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, time.Hour)
		had := p.keys
		p.want(t, "first", had, 1)
		for range 1000 {
			if keys, err := p.afresh(t.Context(), had); keys != had {
				t.Fatalf("%p, %v", keys, err)
			}
		}
		p.want(t, "at once", had, 1)
		time.Sleep(askAgain)
		next := p.rotate()
		for range 1000 {
			if keys, err := p.afresh(t.Context(), had); keys != next {
				t.Fatalf("%p, %v", keys, err)
			}
		}
		p.want(t, "half a minute later", next, 2)
	})
}

func TestAnUnknownKeyOfAnIssuerThatIsDownIsNotBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, time.Hour)
		p.want(t, "first", p.keys, 1)
		time.Sleep(askAgain)
		p.down()
		for range 10 {
			if _, err := p.afresh(t.Context(), p.keys); !errors.Is(err, ErrUnavailable) {
				t.Errorf("%v, want ErrUnavailable", err)
			}
		}
		p.want(t, "known keys serve on", p.keys, 2)
	})
}

func TestClosingEndsTheFetchAndTheKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, time.Hour)
		p.want(t, "first", p.keys, 1)
		p.set(func() { p.takes = time.Hour })
		time.Sleep(time.Hour)
		go func() {
			time.Sleep(time.Second)
			p.close()
		}()
		began := time.Now()
		if _, err := p.current(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%v, want ErrUnavailable", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("closing took %v to arrive", took)
		}
		p.want(t, "closed", nil, 2)
		time.Sleep(time.Hour)
		p.want(t, "long closed", nil, 2)
	})
}

func TestAnAnswerThatComesAfterClosingIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, time.Hour)
		p.set(func() { p.takes, p.stubborn = 2*time.Second, true })
		go p.current(t.Context())
		time.Sleep(time.Second)
		p.close()
		time.Sleep(2 * time.Second)
		p.want(t, "closed", nil, 1)
	})
}

func TestClosingASetWaitsForItsFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, time.Hour)
		p.set(func() { p.takes, p.stubborn = 3*time.Second, true })
		set := NewSet(nil, time.Now)
		p.source.done = &set.fetches
		set.issuers.Store(&map[string]*issuer{"x": {keys: p.source}})
		go p.current(t.Context())
		time.Sleep(time.Second)
		began := time.Now()
		set.Close()
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it waited %v", took)
		}
	})
}
