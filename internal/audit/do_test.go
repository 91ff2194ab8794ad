package audit

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/whittle-sts/whittle/store"
)

var (
	errOwn  = errors.New("the op's own error")
	errDisk = errors.New("the disk is gone")
)

// held is a memory whose commits wait until the test lets one go.
func held(t *testing.T) (*memory, *Log) {
	m := newMemory()
	l := open(t, m)
	m.hold = make(chan struct{})
	t.Cleanup(func() { close(m.hold) }) // before the log closes
	return m, l
}

// answer is what one call of Do came to.
type answer struct {
	index uint64
	err   error
}

// start calls Do in the background.
func start(ctx context.Context, l *Log, op func(store.Tx) (Entry, error)) <-chan answer {
	done := make(chan answer, 1)
	go func() {
		index, err := l.Do(ctx, op)
		done <- answer{index, err}
	}()
	return done
}

func good(t *testing.T, l *Log) func(store.Tx) (Entry, error) {
	return prepare(t, l, sample("00u1ana")).op()
}

func clean(store.Tx) (Entry, error) { return Entry{}, errOwn }

func dirty(tx store.Tx) (Entry, error) {
	_, err := tx.AppendRevocation(store.Revocation{})
	return Entry{}, errors.Join(errOwn, err)
}

func panics(store.Tx) (Entry, error) { panic("token=secret") }

// together runs the ops in one commit: a first op holds the sequencer until all the others wait.
func together(t *testing.T, ops ...func(*Log) func(store.Tx) (Entry, error)) (*memory, []answer) {
	m := newMemory()
	answers := make([]answer, len(ops))
	synctest.Test(t, func(t *testing.T) {
		l := open(t, m)
		m.hold = make(chan struct{})
		first := start(t.Context(), l, good(t, l))
		synctest.Wait()
		var waiting []<-chan answer
		for _, op := range ops {
			waiting = append(waiting, start(t.Context(), l, op(l)))
			synctest.Wait() // so that they queue in order
		}
		m.hold <- struct{}{}
		<-first
		m.hold <- struct{}{}
		for i, w := range waiting {
			answers[i] = <-w
		}
		close(m.hold)
	})
	return m, answers
}

func TestCommitIsSharedAndEachCallerGetsItsOwnAnswer(t *testing.T) {
	ok := func(l *Log) func(store.Tx) (Entry, error) { return good(t, l) }
	op := func(f func(store.Tx) (Entry, error)) func(*Log) func(store.Tx) (Entry, error) {
		return func(*Log) func(store.Tx) (Entry, error) { return f }
	}
	tests := map[string]struct {
		op      func(store.Tx) (Entry, error)
		want    error // of the op's caller
		others  error // of the two around it
		entries int   // with the one that held the sequencer
	}{
		"an op that fails before it writes fails alone":     {clean, errOwn, nil, 3},
		"an op that fails after it wrote undoes the commit": {dirty, errOwn, ErrUnavailable, 1},
		"an op that panics fails alone":                     {panics, new(PanicError), nil, 3},
		"an op without an entry fails alone":                {func(store.Tx) (Entry, error) { return Entry{}, nil }, ErrEvent, nil, 3},
		"an op that panics after it wrote undoes the commit": {func(tx store.Tx) (Entry, error) {
			_, _ = dirty(tx)
			panic("token=secret")
		}, new(PanicError), ErrUnavailable, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, got := together(t, ok, op(test.op), ok)
			if !errors.Is(got[1].err, test.want) && !sameType(got[1].err, test.want) {
				t.Errorf("its caller got %v, want %v", got[1].err, test.want)
			}
			for _, i := range []int{0, 2} {
				if !errors.Is(got[i].err, test.others) || errors.Is(got[i].err, errOwn) || errors.Is(got[i].err, ErrUncertain) {
					t.Errorf("caller %d got %v, want %v", i, got[i].err, test.others)
				}
			}
			if len(m.state.entries) != test.entries || len(m.state.revoked) != 0 {
				t.Errorf("%d entries and %d revocations are stored, want %d and none", len(m.state.entries), len(m.state.revoked), test.entries)
			}
			if test.others == nil && (got[0].index != 1 || got[2].index != 2) {
				t.Errorf("indexes %d and %d, want 1 and 2", got[0].index, got[2].index)
			}
		})
	}
}

func sameType(a, b error) bool {
	var p *PanicError
	return errors.As(a, &p) && errors.As(b, &p)
}

func TestOpSeesWhatTheOpsBeforeItWrote(t *testing.T) {
	revoke := func(l *Log) func(store.Tx) (Entry, error) {
		return func(tx store.Tx) (Entry, error) {
			meta, err := tx.Meta()
			if err != nil {
				return Entry{}, err
			}
			entry, err := l.Prepare(Event{
				Kind: KindRevocation, Outcome: OutcomeDone,
				Revoked: &Revoked{Seq: meta.Rev + 1, Kind: "client", Selector: "research-agent"},
			})
			if err != nil {
				return Entry{}, err
			}
			seq, err := tx.AppendRevocation(store.Revocation{})
			if seq != meta.Rev+1 {
				err = fmt.Errorf("sequence %d, want %d", seq, meta.Rev+1)
			}
			return entry, err
		}
	}
	m, got := together(t, revoke, revoke)
	if got[0].err != nil || got[1].err != nil || len(m.state.revoked) != 2 {
		t.Fatalf("%+v, %d revocations", got, len(m.state.revoked))
	}
}

func TestFailedCommit(t *testing.T) {
	tests := map[string]struct {
		persisted bool
		uncertain bool
	}{
		"that wrote nothing says that nothing was done":    {false, false},
		"that was persisted all the same says that it may": {true, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			f := &faulty{Store: m}
			l := open(t, f)
			f.fault = func() (error, bool) { return errDisk, test.persisted }
			_, err := l.Do(t.Context(), good(t, l))
			if !errors.Is(err, ErrUnavailable) || !errors.Is(err, errDisk) || errors.Is(err, ErrUncertain) != test.uncertain {
				t.Fatalf("got %v", err)
			}
			f.fault = nil
			index, err := l.Do(t.Context(), good(t, l))
			if want := uint64(len(m.state.entries) - 1); err != nil || index != want {
				t.Fatalf("the next one: index %d, %v; want %d", index, err, want)
			}
			if err := Check(t.Context(), l.store); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestContextThatEndsInTheQueueLeavesAllUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, l := held(t)
		first := start(t.Context(), l, good(t, l))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		ran := false
		second := start(ctx, l, func(store.Tx) (Entry, error) { ran = true; return Entry{}, nil })
		synctest.Wait()
		cancel()
		if got := <-second; !errors.Is(got.err, context.Canceled) {
			t.Fatalf("got %v", got.err)
		}
		m.hold <- struct{}{}
		<-first
		third := start(t.Context(), l, good(t, l))
		m.hold <- struct{}{}
		<-third
		if ran {
			t.Fatal("the op ran after its caller had left")
		}
	})
}

func TestContextThatEndsInTheCommitWaitsForTheOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, l := held(t)
		ctx, cancel := context.WithCancel(t.Context())
		call := start(ctx, l, good(t, l))
		synctest.Wait()
		cancel()
		synctest.Wait()
		select {
		case got := <-call:
			t.Fatalf("answered %+v while the commit was under way", got)
		default:
		}
		m.hold <- struct{}{}
		if got := <-call; got.err != nil {
			t.Fatal(got.err)
		}
	})
}

func TestCloseWaitsForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, l := held(t)
		call := start(t.Context(), l, good(t, l))
		synctest.Wait()
		closed := make(chan struct{})
		go func() { l.Close(); close(closed) }()
		synctest.Wait()
		m.hold <- struct{}{}
		if got := <-call; got.err != nil {
			t.Fatal(got.err)
		}
		<-closed
		if _, err := l.Do(t.Context(), good(t, l)); !errors.Is(err, ErrClosed) {
			t.Fatalf("got %v, want ErrClosed", err)
		}
	})
}
