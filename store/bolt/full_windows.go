package bolt

import "syscall"

// diskFull are ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL.
var diskFull = []error{syscall.Errno(112), syscall.Errno(39)}
