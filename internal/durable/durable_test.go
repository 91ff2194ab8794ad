package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var errStopped = errors.New("stopped")

// fill writes the text, and stops before it is all there if told to.
func fill(text string, stops bool) func(string) error {
	return func(path string) error {
		if stops {
			return errors.Join(os.WriteFile(path, []byte(text[:1]), 0o600), errStopped)
		}
		return os.WriteFile(path, []byte(text), 0o600)
	}
}

func TestAFileIsMadeAsAWholeOrNotAtAll(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	if err := Make(path, fill("text", true)); !errors.Is(err, errStopped) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part of it stands in its place: %v", err)
	}
	if err := Make(path, fill("text", false)); err != nil {
		t.Fatal(err)
	}
	if err := Make(path, fill("other", false)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "text" {
		t.Errorf("it holds %q, %v", text, err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("%v, %v are left", left, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
