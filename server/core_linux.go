package server

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ForbidCoreDumps keeps the system from writing the process's memory, with all keys and tokens in it, to a disk or to
// a program that collects crashes, and other processes of the same user from reading it. It is for a program's
// main, since it concerns the whole process.
func ForbidCoreDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("core dumps: %w", err)
	}
	// The limit doesn't bind a core_pattern that is a pipe (core(5)); this does.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("core dumps: %w", err)
	}
	return nil
}
