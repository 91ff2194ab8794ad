//go:build !windows

package bolt

import "syscall"

// diskFull are the system's errors for a full disk, quota or file.
var diskFull = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}
