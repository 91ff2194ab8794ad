//go:build !windows

package bolt

import (
	"os"
	"syscall"
)

// diskFull are the system's errors for a full disk, quota or file.
var diskFull = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}

// unlock lets go of bbolt's lock. Closing the file doesn't, as long as some of it is mapped.
func unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
