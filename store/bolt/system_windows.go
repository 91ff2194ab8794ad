package bolt

import (
	"os"
	"syscall"
)

// diskFull are ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL.
var diskFull = []error{syscall.Errno(112), syscall.Errno(39)}

// unlock does nothing: closing the file lets go of bbolt's lock.
func unlock(*os.File) error { return nil }
