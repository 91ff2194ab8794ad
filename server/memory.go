package server

import (
	"os"
	"runtime"
)

// heapFloor is what the heap is taken to hold at least when the garbage collector decides how much may
// be allocated before its next cycle.
const heapFloor = 128 << 20

// SettleMemory keeps the garbage collector from running many times a second: it waits until as much was
// allocated as is live, and what is live here is a few MB, less than the requests of a tenth of a second
// leave behind. So it makes one large object that is never touched, which takes address space but no
// memory. The process holds up to 128 MiB more for it; an exchange costs 15 % less CPU. It is for a
// program's main, since it concerns the whole process, and holds until release is called.
//
// With GOGC or GOMEMLIMIT in the environment the operator has decided, and nothing is done.
func SettleMemory() (release func()) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if os.Getenv(name) != "" {
			return func() {}
		}
	}
	ballast := make([]byte, heapFloor)
	return func() { runtime.KeepAlive(ballast) }
}
