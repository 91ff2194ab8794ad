package scope_test

import (
	"fmt"
	"testing"

	"github.com/whittle-sts/whittle/internal/scope"
)

// A policy of 40 scopes is common, one of 1,000 large.
func BenchmarkSets(b *testing.B) {
	for _, size := range []int{40, 1000} {
		names := make([]string, size)
		for i := range names {
			names[i] = fmt.Sprintf("service%d.do", i)
		}
		c, err := scope.NewCatalogue(names)
		if err != nil {
			b.Fatal(err)
		}
		all := c.All()
		half, _ := c.Of(names[:size/2]...)
		var kept scope.Set // so that no work is left out
		for name, op := range map[string]func(){
			"And":      func() { kept = all.And(half) },
			"Or":       func() { kept = all.Or(half) },
			"Minus":    func() { kept = all.Minus(half) },
			"SubsetOf": func() { half.SubsetOf(all) },
			"Equal":    func() { half.Equal(half) },
		} {
			b.Run(fmt.Sprintf("%s of %d", name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					op()
				}
			})
		}
		_ = kept
	}
}
