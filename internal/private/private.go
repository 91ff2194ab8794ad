// Package private reads files that hold secrets, which nobody but their owner may read or change.
package private

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
)

// Read reads a file that is no longer than limit bytes, and private. What is checked is the file that is read, whatever
// the path leads to a moment later.
func Read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := Check(path, info); err != nil {
		return nil, err
	}
	return Limited(f, limit)
}

// Limited reads the whole of an open file that is no longer than limit bytes.
func Limited(f *os.File, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", f.Name(), limit)
	}
	return text, err
}

// Check says what to do about a file or folder that another user of the machine may read or change; nil: none may. Windows
// keeps that elsewhere than in a mode.
func Check(path string, info fs.FileInfo) error {
	mode := info.Mode().Perm()
	if runtime.GOOS == "windows" || mode&0o077 == 0 {
		return nil
	}
	return fmt.Errorf("%s can be read or changed by others (mode %04o): chmod go-rwx %s, and take a new secret if somebody may have seen it",
		path, mode, path)
}
