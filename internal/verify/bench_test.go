package verify

import "testing"

// What it costs to verify an entry of a copy.
func BenchmarkDatabase(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		if _, err := Database(b.Context(), w.store, Against{Trust: w.trust, Seen: w.seen}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*entries), "ns/entry")
}
