package witness

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/witness/witnesstest"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

// newLog is a real log of one entry that is signed.
func newLog(t *testing.T, generation byte) *audit.Log {
	t.Helper()
	s, err := bolt.Open(bolt.Config{Path: filepath.Join(t.TempDir(), "whittle.db")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Update(t.Context(), func(tx store.Tx) error {
		seed := bytes.Repeat([]byte{7}, checkpoint.SeedSize) // so that two logs can be one that went two ways
		return errors.Join(tx.PutSecret("audit.key", seed), tx.SetGeneration([16]byte{generation}))
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(audit.Config{Store: s, Now: time.Now, Random: rand.Reader, Issuer: "https://sts.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); s.Close() })
	grow(t, l, 1)
	return l
}

// grow records and signs so many entries more.
func grow(t *testing.T, l *audit.Log, n int) {
	t.Helper()
	for range n {
		entry, err := l.Prepare(audit.Event{Kind: audit.KindKey, Outcome: audit.OutcomeDone})
		if err == nil {
			_, err = l.Do(t.Context(), func(store.Tx) (audit.Entry, error) { return entry, nil })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func keeper(t *testing.T, l Log, quorum int, witnesses ...Witness) *Keeper {
	t.Helper()
	k, err := New(l, witnesses, quorum)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// existing starts the witness of tools/witness, which isn't ours. told tells it another key of the log.
func existing(t *testing.T, l *audit.Log, name string) (w Witness, told func(key string)) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "witness")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("..", "..", "tools", "witness")
	if out, err := build.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the witness can't be built: %v\n%s", err, out)
		}
		t.Skipf("the witness can't be built; with its modules at hand it is: %v\n%s", err, out)
	}
	cmd := exec.Command(binary, l.Verifier(), name)
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	var said []string
	for len(said) < 2 && lines.Scan() {
		said = append(said, lines.Text())
	}
	if len(said) < 2 {
		t.Fatal("the witness says nothing")
	}
	return Witness{said[0], said[1]}, func(key string) {
		t.Helper()
		if _, err := fmt.Fprintln(in, key); err != nil || !lines.Scan() {
			t.Fatalf("the witness doesn't take the key: %v", err)
		}
	}
}

// An existing witness takes what this log asks of it, at each size, and doesn't take a fork.
func TestExistingWitness(t *testing.T) {
	l := newLog(t, 1)
	w, _ := existing(t, l, "witness.example/other")
	k := keeper(t, l, 1, w)
	for _, n := range []int{0, 0, 1, 7, 300} {
		grow(t, l, n)
		if err := k.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		signed, _ := l.Signed()
		c, ok := l.Witnessed()
		if !ok || c.Size != signed.Size {
			t.Fatalf("%d of %d are witnessed", c.Size, signed.Size)
		}
		trust, err := checkpoint.NewTrust(l.Verifier(), []string{w.Key}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := trust.Open(c.Note); err != nil || !s.Witnessed {
			t.Errorf("%+v, %v", s, err)
		}
	}
	// A server that starts anew learns from the witness what it has co-signed.
	grow(t, l, 1)
	if err := keeper(t, l, 1, w).Round(t.Context()); err != nil {
		t.Error(err)
	}
	// One that was rolled back, its anchor too, is found out, when it is shorter and when it has grown another way.
	back := newLog(t, 1)
	err := keeper(t, back, 1, w).Round(t.Context())
	if _, ok := back.Witnessed(); ok || !errors.Is(err, ErrAhead) {
		t.Errorf("a shorter log: %v", err)
	}
	grow(t, back, 400)
	err = keeper(t, back, 1, w).Round(t.Context())
	if _, ok := back.Witnessed(); ok || !errors.Is(err, ErrRefused) {
		t.Errorf("a fork: %v", err)
	}
	// It doesn't know the log of another generation.
	err = keeper(t, newLog(t, 2), 1, w).Round(t.Context())
	if !errors.Is(err, ErrRefused) {
		t.Errorf("another log: %v", err)
	}
}

// An existing witness knows one key of the log. It refuses the next one until it is told, and nothing newer counts as witnessed;
// then it goes on from what it has seen, and takes no fork, whatever key it knows.
func TestExistingWitnessAndTheLogsNextKey(t *testing.T) {
	l := newLog(t, 1)
	w, told := existing(t, l, "witness.example/other")
	k := keeper(t, l, 1, w)
	grow(t, l, 5)
	if err := k.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, _ := l.Witnessed()
	first, after, err := l.RotateKey(t.Context(), audit.Event{Client: "ops"})
	if err != nil {
		t.Fatal(err)
	}
	grow(t, l, 5)
	err = k.Round(t.Context())
	if c, _ := l.Witnessed(); err == nil || c.Size != before.Size { // this one answers 500
		t.Errorf("before it is told, %d are witnessed of %d before: %v", c.Size, before.Size, err)
	}
	told(after)
	if err := k.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, _ := l.Witnessed()
	if signed, _ := l.Signed(); c.Size != signed.Size {
		t.Errorf("once it is told, %d are witnessed of %d", c.Size, signed.Size)
	}
	trust, err := checkpoint.NewTrust(first, []string{w.Key}, 1) // as somebody knows the log who saw it early
	if err == nil {
		trust, _, err = trust.Follow(l.Handovers())
	}
	if err != nil {
		t.Fatal(err)
	}
	if s, err := trust.Open(c.Note); err != nil || !s.Witnessed {
		t.Errorf("%+v, %v", s, err)
	}
	told(first) // a log that went another way, by the key of before
	back := newLog(t, 1)
	grow(t, back, 400)
	if err := keeper(t, back, 1, w).Round(t.Context()); !errors.Is(err, ErrRefused) {
		t.Errorf("a fork: %v", err)
	}
}

// play serves a witness whose answers the test decides.
func play(t *testing.T, name string, answer witnesstest.Answer) (*witnesstest.Witness, Witness) {
	t.Helper()
	p := witnesstest.New(name, answer)
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return p, Witness{s.URL, p.Key()}
}

func conflict(size string) witnesstest.Answer {
	return func(_ *witnesstest.Witness, w http.ResponseWriter, _ string, _ []byte) {
		w.Header().Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, size)
	}
}

// A witness that lies is one that doesn't count, whatever it says; the honest one beside it does.
func TestLyingWitness(t *testing.T) {
	other := witnesstest.New("other", nil)
	for name, c := range map[string]struct {
		answer witnesstest.Answer
		want   error
	}{
		"another checkpoint co-signed": {witnesstest.Another, errAnswer},
		"another's signature": {func(_ *witnesstest.Witness, w http.ResponseWriter, _ string, note []byte) {
			fmt.Fprint(w, other.Line(note))
		}, errAnswer},
		"another key under its name": {func(p *witnesstest.Witness, w http.ResponseWriter, _ string, note []byte) {
			fmt.Fprint(w, strings.Replace(other.Line(note), "other", p.Name(), 1))
		}, errAnswer},
		"garbage": {func(_ *witnesstest.Witness, w http.ResponseWriter, _ string, _ []byte) { fmt.Fprint(w, "<html>") }, errAnswer},
		"nothing": {func(*witnesstest.Witness, http.ResponseWriter, string, []byte) {}, errAnswer},
		"an endless answer": {func(_ *witnesstest.Witness, w http.ResponseWriter, _ string, _ []byte) {
			fmt.Fprint(w, strings.Repeat("x", 1<<20))
		}, errAnswer},
		"more than there is":    {conflict("5\n"), ErrAhead},
		"less, again and again": {conflict("0\n"), errAnswer},
		"a size that is none":   {conflict("01\n"), errAnswer},
		"a negative size":       {conflict("-1\n"), errAnswer},
		"a refusal": {func(_ *witnesstest.Witness, w http.ResponseWriter, _ string, _ []byte) {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}, ErrRefused},
		"a redirect": {func(_ *witnesstest.Witness, w http.ResponseWriter, _ string, _ []byte) {
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusFound)
		}, errAnswer},
		"a fault": {func(_ *witnesstest.Witness, w http.ResponseWriter, _ string, _ []byte) {
			w.WriteHeader(http.StatusInternalServerError)
		}, errAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t, 1)
			liar, first := play(t, "liar", c.answer)
			_, second := play(t, "good", witnesstest.Honest)
			both := []Witness{first, second}
			err := keeper(t, l, 2, both...).Round(t.Context())
			if _, ok := l.Witnessed(); ok || !errors.Is(err, c.want) {
				t.Errorf("both are needed: %v, %v", ok, err)
			}
			if n := liar.Asked(); n > 2 {
				t.Errorf("it is asked %d times", n)
			}
			if err := keeper(t, l, 1, both...).Round(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("one is needed: %v", err)
			}
			if _, ok := l.Witnessed(); !ok {
				t.Error("the honest witness doesn't count")
			}
		})
	}
}

func TestProblemIsToldOnce(t *testing.T) {
	l := newLog(t, 1)
	p, asked := play(t, "w", func(_ *witnesstest.Witness, w http.ResponseWriter, _ string, _ []byte) {
		w.WriteHeader(http.StatusInternalServerError)
	})
	k := keeper(t, l, 1, asked)
	var told []error
	for range 3 {
		k.tell(k.Round(context.Background()), func(err error) { told = append(told, err) })
	}
	p.From(func(_ *witnesstest.Witness, w http.ResponseWriter, _ string, _ []byte) {
		w.WriteHeader(http.StatusForbidden)
	})
	k.tell(k.Round(context.Background()), func(err error) { told = append(told, err) })
	if len(told) != 2 || !errors.Is(told[1], ErrRefused) {
		t.Errorf("told %v", told)
	}
}

func TestSettingsThatCantWork(t *testing.T) {
	l := newLog(t, 1)
	_, good := play(t, "good", witnesstest.Honest)
	if got := Parse(good.URL + " " + good.Key); got != good {
		t.Errorf("read as %+v", got)
	}
	for name, c := range map[string]struct {
		witnesses []Witness
		quorum    int
	}{
		"none needed": {[]Witness{good}, 0}, "more needed than there are": {[]Witness{good}, 2}, "nobody": {nil, 1},
		"one of them twice": {[]Witness{good, good}, 2}, "a log's key": {[]Witness{{good.URL, l.Verifier()}}, 1},
		"plain http elsewhere": {[]Witness{{"http://witness.example", good.Key}}, 1}, "no URL": {[]Witness{{"", good.Key}}, 1},
		"no key":       {[]Witness{Parse(good.URL)}, 1},
		"a user in it": {[]Witness{{"https://a@witness.example", good.Key}}, 1},
	} {
		if _, err := New(l, c.witnesses, c.quorum); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
