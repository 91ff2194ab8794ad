//go:build !linux

package bolt

import "os"

// allocate gives the file the blocks of a part of it that no page uses, and lengthens it to hold them.
func allocate(f *os.File, from, length int64) error { return lengthen(f, from, length) }
