//go:build !windows

package server

import "golang.org/x/sys/unix"

// freeSpace is the bytes that may still be written on the file system of the path.
func freeSpace(path string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil //nolint:unconvert // it is signed on FreeBSD
}
