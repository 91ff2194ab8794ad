package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// BenchmarkCommitsDuringScrub says in one run how long a commit takes while nothing else happens, while free pages are cleared
// for the first time, and while they are read again and again.
func BenchmarkCommitsDuringScrub(b *testing.B) {
	s := open(b, b.TempDir())
	defer s.Close()
	entry := bytes.Repeat([]byte{'e'}, 1<<10)
	at := time.Unix(1, 0)
	put := func(tx store.Tx) error {
		_, err := tx.AppendEntry(entry, at)
		return err
	}
	for _, value := range [][]byte{bytes.Repeat(entry, 32), nil} { // some 130 MB of free pages
		for i := range 64 {
			if err := update(s, func(tx store.Tx) (err error) {
				for n := range 64 {
					err = errors.Join(err, tx.PutSecret(fmt.Sprintf("%d.%d", i, n), value))
				}
				return err
			}); err != nil {
				b.Fatal(err)
			}
		}
	}
	commits := func(n int) (took []time.Duration) {
		for range n {
			begun := time.Now()
			if _, err := s.Update(context.Background(), put); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(begun))
		}
		slices.Sort(took)
		return took
	}
	report := func(name string, took []time.Duration) {
		for metric, d := range map[string]time.Duration{"p50": took[len(took)/2], "p99": took[len(took)*99/100], "max": took[len(took)-1]} {
			b.ReportMetric(float64(d.Microseconds())/1000, name+"-"+metric+"-ms")
		}
	}
	beside := func(scrubs int) (took []time.Duration) {
		ended := make(chan error, 1)
		go func() {
			var err error
			for range scrubs {
				err = errors.Join(err, s.Scrub(context.Background()))
			}
			ended <- err
		}()
		for {
			select {
			case err := <-ended:
				if err != nil {
					b.Fatal(err)
				}
				slices.Sort(took)
				return took
			default:
				took = append(took, commits(1)...)
			}
		}
	}
	alone, clearing := commits(300), beside(1)
	var reading []time.Duration
	for b.Loop() {
		reading = append(reading, beside(1)...)
	}
	slices.Sort(reading)
	report("alone", alone)
	report("clearing", clearing)
	report("reading", reading)
}
