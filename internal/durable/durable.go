// Package durable makes files durable together with their names: what is written must still be there, and be
// found, after the power failed.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Make makes a new file, readable for its owner alone, which never stands in its place in part: whatever stops it,
// there is all of it or nothing. fill is given a path to write it at, and makes its content durable. A file that is
// there is never replaced; the error then matches [fs.ErrExist].
func Make(path string, fill func(path string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it has its own name by then
	if err := f.Close(); err != nil {
		return err
	}
	if err := fill(f.Name()); err != nil {
		return err
	}
	if err := place(f.Name(), path); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// Replace makes the text a file's content, readable for its owner alone, and durable. Whenever the machine stops, the
// file holds this text or what it held before.
func Replace(path string, text []byte) error {
	next, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	_, err = next.Write(text)
	if err = errors.Join(err, next.Sync(), next.Close()); err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return SyncFolder(filepath.Dir(path))
}

// place gives a file its name. Where the file system has no second names, two who do it at once may not see each
// other.
func place(from, path string) error {
	err := os.Link(from, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "make", Path: path, Err: fs.ErrExist}
	}
	return os.Rename(from, path)
}

// SyncFolder makes the names in a folder durable: of files that were made there, renamed or removed. Windows does that
// by itself and has no such call.
func SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
