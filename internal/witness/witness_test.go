package witness

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
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

// existing starts the witness of tools/witness, which isn't ours.
func existing(t *testing.T, l *audit.Log, name string) Witness {
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
	return Witness{said[0], said[1]}
}

// An existing witness takes what this log asks of it, at each size, and doesn't take a fork.
func TestExistingWitness(t *testing.T) {
	l := newLog(t, 1)
	w := existing(t, l, "witness.example/other")
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

// played is a witness whose answers the test decides.
type played struct {
	name    string
	private ed25519.PrivateKey
	answer  func(w http.ResponseWriter, old string, note []byte)
	asked   int
}

func (p *played) start(t *testing.T) Witness {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked++
		body, _ := io.ReadAll(r.Body)
		head, note, _ := bytes.Cut(body, []byte("\n\n"))
		old, _, _ := strings.Cut(string(head), "\n")
		p.answer(w, old, note)
	}))
	t.Cleanup(s.Close)
	public := p.private.Public().(ed25519.PublicKey)
	sum := sha256.Sum256(slices.Concat([]byte(p.name), []byte{'\n', 4}, public))
	return Witness{s.URL, fmt.Sprintf("%s+%x+%s", p.name, sum[:4], base64.StdEncoding.EncodeToString(append([]byte{4}, public...)))}
}

func play(name string, answer func(p *played, w http.ResponseWriter, old string, note []byte)) *played {
	seed := sha256.Sum256([]byte(name))
	p := &played{name: name, private: ed25519.NewKeyFromSeed(seed[:])}
	p.answer = func(w http.ResponseWriter, old string, note []byte) { answer(p, w, old, note) }
	return p
}

// line co-signs the text of a note.
func (p *played) line(note []byte) string {
	text := note[:bytes.LastIndex(note, []byte("\n\n"))+1]
	at := uint64(time.Now().Unix())
	public := p.private.Public().(ed25519.PublicKey)
	sum := sha256.Sum256(slices.Concat([]byte(p.name), []byte{'\n', 4}, public))
	raw := binary.BigEndian.AppendUint64(slices.Clone(sum[:4]), at)
	raw = append(raw, ed25519.Sign(p.private, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text))...)
	return fmt.Sprintf("— %s %s\n", p.name, base64.StdEncoding.EncodeToString(raw))
}

func honest(p *played, w http.ResponseWriter, _ string, note []byte) { fmt.Fprint(w, p.line(note)) }

func conflict(size string) func(*played, http.ResponseWriter, string, []byte) {
	return func(_ *played, w http.ResponseWriter, _ string, _ []byte) {
		w.Header().Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, size)
	}
}

// A witness that lies is one that doesn't count, whatever it says; the honest one beside it does.
func TestLyingWitness(t *testing.T) {
	other := play("other", nil)
	for name, c := range map[string]struct {
		answer func(*played, http.ResponseWriter, string, []byte)
		want   error
	}{
		"another checkpoint co-signed": {func(p *played, w http.ResponseWriter, _ string, note []byte) {
			fmt.Fprint(w, p.line(bytes.Replace(note, []byte("\n1\n"), []byte("\n2\n"), 1)))
		}, errAnswer},
		"another's signature": {func(_ *played, w http.ResponseWriter, _ string, note []byte) { fmt.Fprint(w, other.line(note)) }, errAnswer},
		"another key under its name": {func(p *played, w http.ResponseWriter, _ string, note []byte) {
			fmt.Fprint(w, strings.Replace(other.line(note), "other", p.name, 1))
		}, errAnswer},
		"garbage":               {func(_ *played, w http.ResponseWriter, _ string, _ []byte) { fmt.Fprint(w, "<html>") }, errAnswer},
		"nothing":               {func(*played, http.ResponseWriter, string, []byte) {}, errAnswer},
		"an endless answer":     {func(_ *played, w http.ResponseWriter, _ string, _ []byte) { fmt.Fprint(w, strings.Repeat("x", 1<<20)) }, errAnswer},
		"more than there is":    {conflict("5\n"), ErrAhead},
		"less, again and again": {conflict("0\n"), errAnswer},
		"a size that is none":   {conflict("01\n"), errAnswer},
		"a negative size":       {conflict("-1\n"), errAnswer},
		"a refusal": {func(_ *played, w http.ResponseWriter, _ string, _ []byte) {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}, ErrRefused},
		"a redirect": {func(_ *played, w http.ResponseWriter, _ string, _ []byte) {
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusFound)
		}, errAnswer},
		"a fault": {func(_ *played, w http.ResponseWriter, _ string, _ []byte) {
			w.WriteHeader(http.StatusInternalServerError)
		}, errAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t, 1)
			liar, good := play("liar", c.answer), play("good", honest)
			both := []Witness{liar.start(t), good.start(t)}
			err := keeper(t, l, 2, both...).Round(t.Context())
			if _, ok := l.Witnessed(); ok || !errors.Is(err, c.want) {
				t.Errorf("both are needed: %v, %v", ok, err)
			}
			if liar.asked > 2 {
				t.Errorf("it is asked %d times", liar.asked)
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
	p := play("w", func(_ *played, w http.ResponseWriter, _ string, _ []byte) {
		w.WriteHeader(http.StatusInternalServerError)
	})
	k := keeper(t, l, 1, p.start(t))
	var told []error
	for range 3 {
		k.tell(k.Round(context.Background()), func(err error) { told = append(told, err) })
	}
	p.answer = func(w http.ResponseWriter, _ string, _ []byte) { w.WriteHeader(http.StatusForbidden) }
	k.tell(k.Round(context.Background()), func(err error) { told = append(told, err) })
	if len(told) != 2 || !errors.Is(told[1], ErrRefused) {
		t.Errorf("told %v", told)
	}
}

func TestSettingsThatCantWork(t *testing.T) {
	l := newLog(t, 1)
	good := play("good", honest).start(t)
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
