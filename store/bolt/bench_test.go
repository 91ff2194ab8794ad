package bolt

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// BenchmarkUpdate appends entries of 1 KiB, so many in each durable commit.
func BenchmarkUpdate(b *testing.B) {
	entry := bytes.Repeat([]byte{'e'}, 1<<10)
	at := time.Unix(1, 0)
	put := func(tx store.Tx) error {
		_, err := tx.AppendEntry(entry, at)
		return err
	}
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			s := open(b, b.TempDir())
			defer s.Close()
			fns := make([]func(store.Tx) error, n)
			for i := range fns {
				fns[i] = put
			}
			for b.Loop() {
				if _, err := s.Update(context.Background(), fns...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
