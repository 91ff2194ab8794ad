package index

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// made is a log whose entries are made when they are read, from their indexes.
type made struct {
	store.Reader

	mu         sync.Mutex
	generation [16]byte
	pepper     [32]byte
	tree       tree.Tree
	tiles      [][]byte
	grown      chan struct{}
	gone       uint64 // entries before it have no body any more
	fails      error
}

// facts is what an entry says.
type facts struct {
	client, task, token, parent, scope, resource, rule, person, outcome, kind string
	policy                                                                    uint64
}

// random is a number that only depends on entry and purpose.
func random(index uint64, purpose string, n uint64) uint64 {
	return xxhash.Sum64(binary.BigEndian.AppendUint64([]byte(purpose), index)) % n
}

func factsOf(i uint64) facts {
	of := func(what string, n uint64) string { return fmt.Sprintf("%s-%d", what, random(i, what, n)) }
	f := facts{
		client: of("client", 20), task: fmt.Sprintf("task-%d", i/5), token: fmt.Sprintf("token-%d", i), parent: fmt.Sprintf("token-%d", i-i%5),
		scope: of("scope", 7), resource: of("https://resource", 11), rule: of("rule", 5), person: of("person", 1000),
		outcome: "granted", kind: "exchange", policy: i/3000 + 1,
	}
	if random(i, "outcome", 50) == 0 {
		f.outcome = "refused"
	}
	if i%20_000 == 19_999 {
		f.kind = "policy"
	}
	return f
}

const code = "0123456789abcdefghjkmnpqrstvwxyz"

// decisionOf is an id whose time grows with the index.
func decisionOf(i uint64) (id, at string) {
	ms := uint64(1_780_000_000_000) + i*10
	b := make([]byte, 26)
	high, low := ms<<2, i
	for k := 9; k >= 0; k-- {
		b[k], high = code[high&31], high>>5
	}
	for k := 24; k >= 10; k-- {
		b[k], low = code[low&31], low>>5
	}
	b[25] = '0'
	return string(b), time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z")
}

func entryOf(i uint64) []byte {
	f := factsOf(i)
	id, at := decisionOf(i)
	return fmt.Appendf(nil, `{"asked":{"resource":[%q],"scope":[%q]},"client":%q,"decision":%q,"format":1,"granted":{"audience":[%q],"depth":2,`+
		`"expires":%q,"form":"jwt","lineage":[%q],"scope":[%q],"task":%q,"token":%q},"kind":%q,"outcome":%q,`+
		`"people":[{"key":%q,"role":"subject","sealed":"c2VhbGVk"}],"policy":%d,"rule":%q,"time":%q}`,
		f.resource, f.scope, f.client, id, f.resource, at, f.parent, f.scope, f.task, f.token, f.kind, f.outcome, person(f.person), f.policy, f.rule, at)
}

// person is a pseudonym.
func person(name string) string { return strings.Repeat("A", 21-len(name)) + name + "A" }

// has is the plain answer to whether an entry has a term.
func has(i uint64, t audit.Term) bool {
	of := func(what string, n uint64) string { return fmt.Sprint(what, "-", random(i, what, n)) }
	text := string(t.Text)
	switch t.Field {
	case audit.FieldClient:
		return text == of("client", 20)
	case audit.FieldTask:
		return text == fmt.Sprint("task-", i/5)
	case audit.FieldToken:
		return text == fmt.Sprint("token-", i) || text == fmt.Sprint("token-", i-i%5)
	case audit.FieldScope:
		return text == of("scope", 7)
	case audit.FieldResource:
		return text == of("https://resource", 11)
	case audit.FieldKind:
		return text == "policy" == (i%20_000 == 19_999)
	case audit.FieldOutcome:
		return text == "refused" == (random(i, "outcome", 50) == 0)
	case audit.FieldRule:
		return text == of("rule", 5)
	case audit.FieldPolicy:
		return text == fmt.Sprint(i/3000+1)
	case audit.FieldPerson:
		return text == person(of("person", 1000))
	}
	return false
}

func newMade() *made { return &made{generation: [16]byte{1}, grown: make(chan struct{})} }

func (m *made) grow(n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		m.tiles = append(m.tiles, m.tree.Append(tree.LeafHash(entryOf(m.tree.Size())))...)
	}
	close(m.grown)
	m.grown = make(chan struct{})
}

func (m *made) Size() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tree.Size()
}

func (m *made) Grown(index uint64) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if index < m.tree.Size() {
		now := make(chan struct{})
		close(now)
		return now
	}
	return m.grown
}

func (m *made) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return m.fails
	}
	return fn(m)
}

func (m *made) Meta() (store.Meta, error) {
	return store.Meta{Generation: m.generation, Size: m.tree.Size(), Root: m.tree.Root()}, nil
}

func (m *made) Secret(string) ([]byte, error) { return m.pepper[:], nil }

func (m *made) Tile(index uint64) ([]byte, error) {
	if index >= uint64(len(m.tiles)) {
		return nil, store.ErrNotFound
	}
	return m.tiles[index], nil
}

func (m *made) Entries(from uint64, fn func(uint64, []byte) bool) error {
	for i := from; i < m.tree.Size(); i++ {
		entry := entryOf(i)
		if i < m.gone {
			entry = nil
		}
		if !fn(i, entry) {
			break
		}
	}
	return nil
}

func (m *made) config(t testing.TB) Config {
	return Config{Path: filepath.Join(t.TempDir(), "index.db"), Store: m}
}

// testSegment is how many pages a large segment has in the tests, so that they have some.
const testSegment = 2

func opened(t testing.TB, c Config) *Index {
	t.Helper()
	x, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	x.file.wide, x.file.db.NoSync = testSegment, true
	return x
}

func built(t testing.TB, c Config) *Index {
	t.Helper()
	x := opened(t, c)
	if err := x.Build(context.Background()); err != nil {
		t.Fatal(err)
	}
	return x
}

// named is all that the index names of a range, in as many calls as that takes. Of what it knows nothing, the test is told.
func named(t interface{ Fatalf(string, ...any) }, x *Index, terms []audit.Term, in audit.Range, backward bool, limit int) (out []uint64, unknown audit.Range) {
	for !in.Empty() {
		some, looked := x.Narrow(context.Background(), terms, in, backward, limit)
		if looked.Empty() {
			return out, in
		}
		if len(some) > limit {
			t.Fatalf("%d named, of at most %d", len(some), limit)
		}
		for i, index := range some {
			if index < looked.Low || index >= looked.High || i > 0 && (index > some[i-1]) == backward {
				t.Fatalf("%d named of %v", some, looked)
			}
		}
		out = append(out, some...)
		if backward {
			if looked.High != in.High {
				t.Fatalf("looked at %v of %v", looked, in)
			}
			in.High = looked.Low
		} else {
			if looked.Low != in.Low {
				t.Fatalf("looked at %v of %v", looked, in)
			}
			in.Low = looked.High
		}
	}
	return out, audit.Range{}
}

// scanned is the plain answer.
func scanned(terms []audit.Term, in audit.Range, backward bool) (out []uint64) {
	for i := in.Low; i < in.High; i++ {
		if !slices.ContainsFunc(terms, func(t audit.Term) bool { return !has(i, t) }) {
			out = append(out, i)
		}
	}
	if backward {
		slices.Reverse(out)
	}
	return out
}
