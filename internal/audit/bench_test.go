package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
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

// BenchmarkDo is a durable entry with so many callers at once, each waiting for its own; the memory
// stands in for a store that appends to a file and syncs it.
func BenchmarkDo(b *testing.B) {
	for _, callers := range []int{1, 32, 256} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			m := newMemory()
			l := open(b, m)
			commits := 0
			m.fault = synced(b, &commits)
			entry := prepare(b, l, sample("00u1ana"))
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
			b.ReportMetric(float64(b.N)/float64(commits), "entries/commit")
		})
	}
}

func synced(b *testing.B, commits *int) func() (error, bool) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	page := make([]byte, 4096)
	return func() (error, bool) {
		*commits++
		if _, err := f.Write(page); err != nil {
			return err, false
		}
		return f.Sync(), false
	}
}
