package server_test

import (
	"runtime"
	"testing"

	"github.com/whittle-sts/whittle/server"
)

// nextCycle is the heap's size at which the next cycle begins.
func nextCycle() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NextGC
}

func TestTheCollectorWaitsForAFullHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	const floor = 2 * 128 << 20
	release := server.SettleMemory()
	if next := nextCycle(); next < floor {
		t.Errorf("the next cycle begins at %d bytes", next)
	}
	release()
	if next := nextCycle(); next > floor {
		t.Errorf("released, the next cycle begins at %d bytes", next)
	}
}

func TestTheOperatorsChoiceOfMemoryHolds(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			before := nextCycle()
			t.Setenv(name, "100")
			defer server.SettleMemory()()
			if next := nextCycle(); next > before+(64<<20) {
				t.Errorf("the next cycle begins at %d bytes, without at %d", next, before)
			}
		})
	}
}
