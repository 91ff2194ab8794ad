package audit

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/store/sealed"
)

// BenchmarkPage is a page of 100 entries with their people opened, out of the embedded store: all of one person, or
// each of another.
func BenchmarkPage(b *testing.B) {
	for _, people := range []int{1, 100} {
		b.Run(fmt.Sprint("people=", people), func(b *testing.B) {
			kek, err := seal.NewLocalKEK(make([]byte, seal.KeySize))
			if err != nil {
				b.Fatal(err)
			}
			s, err := sealed.Open(context.Background(), file(b, filepath.Join(b.TempDir(), "whittle.db")), kek, rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			l := open(b, s)
			for i := range 100 {
				record(b, l, sample(fmt.Sprint("00u", i%people)))
			}
			b.ReportAllocs()
			for b.Loop() {
				page, err := l.Search(context.Background(), Query{Limit: 100})
				if err != nil || len(page.Found) != 100 {
					b.Fatal(len(page.Found), err)
				}
			}
		})
	}
}
