//go:build !windows && !linux

package server

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ForbidCoreDumps keeps the system from writing the process's memory, with all keys and tokens in it, to a disk. It is
// for a program's main, since it concerns the whole process.
func ForbidCoreDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("core dumps: %w", err)
	}
	return nil
}
