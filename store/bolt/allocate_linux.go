package bolt

import (
	"errors"
	"os"
	"syscall"
)

// allocate gives the file the blocks of a part of it that no page uses, and lengthens it to hold them.
func allocate(f *os.File, from, length int64) error {
	for {
		err := syscall.Fallocate(int(f.Fd()), 0, from, length)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EOPNOTSUPP):
			return lengthen(f, from, length)
		}
		return err
	}
}
