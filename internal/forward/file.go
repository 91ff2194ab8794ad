package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/durable"
)

// File is a file of JSON lines, one for each entry. At Size it gets a name that ends with the index of its last entry, and
// another is begun; of those with such names, Keep are kept. Somebody else may move or remove it: it is made anew.
type File struct {
	Path string
	Size int64 // bytes at which another is begun
	Keep int   // 0: all

	file *os.File
	size int64
}

// Send implements [Receiver]. What is confirmed is on the disk.
func (f *File) Send(_ context.Context, entries []audit.Item) (err error) {
	defer func() {
		if err != nil { // what was written in part is cut off when it is opened again
			err = errors.Join(err, f.Close())
		}
	}()
	if err := f.open(); err != nil {
		return err
	}
	var lines []byte
	for _, e := range entries {
		lines = append(appendEntry(lines, e), '\n')
	}
	if _, err := f.file.Write(lines); err != nil {
		return err
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	if f.size += int64(len(lines)); f.size >= f.Size {
		return f.rotate(entries[len(entries)-1].Index)
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// open opens the file that has the name now.
func (f *File) open() error {
	if f.file != nil {
		mine, err := f.file.Stat()
		there, missing := os.Stat(f.Path)
		if err == nil && missing == nil && os.SameFile(mine, there) {
			return nil
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(f.Path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	f.file = file
	if f.size, err = wholeLines(file); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(f.Path))
}

// wholeLines cuts off a line that was written in part, and says how long the file is then.
func wholeLines(file *os.File) (int64, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	end, block := size, make([]byte, 64<<10)
	for end > 0 {
		part := block[:min(int64(len(block)), end)]
		if _, err := file.ReadAt(part, end-int64(len(part))); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			end += int64(i+1) - int64(len(part))
			break
		}
		end -= int64(len(part))
	}
	if end == size {
		return size, nil
	}
	return end, file.Truncate(end)
}

// rotate begins another file.
func (f *File) rotate(last uint64) error {
	if err := f.Close(); err != nil {
		return err
	}
	name := fmt.Sprintf("%s.%020d", f.Path, last)
	for again := 1; exists(name); again++ { // entries that came twice
		name = fmt.Sprintf("%s.%020d-%d", f.Path, last, again)
	}
	if err := os.Rename(f.Path, name); err != nil {
		return err
	}
	if f.Keep > 0 {
		full, err := filepath.Glob(globbed(f.Path) + ".[0-9]*")
		if err != nil {
			return err
		}
		slices.Sort(full)
		for _, old := range full[:max(0, len(full)-f.Keep)] {
			if err := os.Remove(old); err != nil {
				return err
			}
		}
	}
	return durable.SyncFolder(filepath.Dir(f.Path))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// globbed is a path in which no character stands for others.
func globbed(path string) string {
	var out []rune
	for _, r := range path {
		if r == '*' || r == '?' || r == '[' || r == '\\' && os.PathSeparator != '\\' {
			out = append(out, '[', r, ']')
			continue
		}
		out = append(out, r)
	}
	return string(out)
}
