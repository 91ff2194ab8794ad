package audit

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/whittle-sts/whittle/store"
)

// BenchmarkPrepare is what an exchange pays on its own goroutine.
func BenchmarkPrepare(b *testing.B) {
	l := open(b, newMemory())
	e := sample("00u1ana")
	record(b, l, e)
	b.ReportAllocs()
	for b.Loop() {
		prepare(b, l, e)
	}
}

// BenchmarkDo is a durable entry in the embedded store with so many callers at once, each waiting for
// its own.
func BenchmarkDo(b *testing.B) {
	for _, callers := range []int{1, 32, 256} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			s := &counting{Store: file(b, filepath.Join(b.TempDir(), "whittle.db"))}
			l := open(b, s)
			entry := prepare(b, l, sample("00u1ana"))
			record(b, l, sample("00u1ana"))
			s.commits = 0
			b.ResetTimer()
			var group sync.WaitGroup
			for c := range callers {
				group.Go(func() {
					for i := c; i < b.N; i += callers {
						if _, err := l.Do(context.Background(), entry.op()); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/float64(s.commits), "entries/commit")
			l.Close()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// counting is a store that counts its commits.
type counting struct {
	store.Store
	commits int
}

func (c *counting) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	c.commits++
	return c.Store.Update(ctx, fns...)
}
