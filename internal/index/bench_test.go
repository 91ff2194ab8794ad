package index

import (
	"context"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/store"
)

var benchEntries = flag.Uint64("index.entries", 100_000, "entries of the log that BenchmarkNarrow indexes")

// unhashed is a made log of which no hash is asked for.
type unhashed struct {
	*made

	size uint64
}

func (u *unhashed) View(_ context.Context, fn func(store.Reader) error) error { return fn(u) }

func (u *unhashed) Meta() (store.Meta, error) {
	return store.Meta{Generation: u.generation, Size: u.size}, nil
}

func (u *unhashed) Tile(uint64) ([]byte, error) { return make([]byte, 256*32), nil }

func (u *unhashed) Entries(from uint64, fn func(uint64, []byte) bool) error {
	for i := from; i < u.size && fn(i, entryOf(i)); i++ {
	}
	return nil
}

// BenchmarkNarrow is what the index takes to name 100 candidates, of a log whose entries are made when they are read:
//
//	go test ./internal/index -run - -bench Narrow -benchtime 1x -timeout 1h -v -index.entries 10000000
func BenchmarkNarrow(b *testing.B) {
	for b.Loop() {
		log := &unhashed{made: newMade(), size: *benchEntries}
		c := log.config(b)
		c.Store = log
		x, err := Open(context.Background(), c)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if err := x.Build(context.Background()); err != nil {
			b.Fatal(err)
		}
		file, err := os.Stat(c.Path)
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%d entries, %d segments, %.1f bytes an entry, built in %v with the making of the entries", log.size, len(x.file.head.segments),
			float64(file.Size())/float64(log.size), time.Since(began).Round(time.Second))
		for name, terms := range map[string]func(facts) []audit.Term{
			"a task":                  func(f facts) []audit.Term { return []audit.Term{{Field: audit.FieldTask, Text: []byte(f.task)}} },
			"a task that isn't there": func(f facts) []audit.Term { return []audit.Term{{Field: audit.FieldTask, Text: []byte(f.task + "x")}} },
			"a person": func(f facts) []audit.Term {
				return []audit.Term{{Field: audit.FieldPerson, Text: []byte(person(f.person))}}
			},
			"a kind that is everywhere": func(facts) []audit.Term { return []audit.Term{{Field: audit.FieldKind, Text: []byte("exchange")}} },
			"client, refused": func(f facts) []audit.Term {
				return []audit.Term{{Field: audit.FieldClient, Text: []byte(f.client)}, {Field: audit.FieldOutcome, Text: []byte("refused")}}
			},
			"client, resource, rule": func(f facts) []audit.Term {
				return []audit.Term{{Field: audit.FieldClient, Text: []byte(f.client)}, {Field: audit.FieldResource, Text: []byte(f.resource)}, {Field: audit.FieldRule, Text: []byte(f.rule)}}
			},
			"a kind, with a task": func(f facts) []audit.Term {
				return []audit.Term{{Field: audit.FieldKind, Text: []byte("exchange")}, {Field: audit.FieldTask, Text: []byte(f.task)}}
			},
			"two policy versions at once": func(facts) []audit.Term {
				return []audit.Term{{Field: audit.FieldPolicy, Text: []byte("7")}, {Field: audit.FieldPolicy, Text: []byte("900")}}
			},
			"common, and none has both": func(facts) []audit.Term {
				return []audit.Term{{Field: audit.FieldOutcome, Text: []byte("refused")}, {Field: audit.FieldOutcome, Text: []byte("granted")}}
			},
		} {
			took := make([]time.Duration, 1000)
			found := 0
			for i := range took {
				want := terms(factsOf(uint64(i) * 7919 % log.size))
				began := time.Now()
				named, _ := x.Narrow(context.Background(), want, audit.Range{High: log.size}, i%2 == 0, 100)
				took[i] = time.Since(began)
				found += len(named)
			}
			slices.Sort(took)
			b.Logf("%-30s median %8v  p99 %8v  named %5.1f", name, took[500].Round(time.Microsecond), took[990].Round(time.Microsecond), float64(found)/1000)
		}
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
