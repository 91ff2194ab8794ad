package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
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

func TestAFileIsReplacedAsAWhole(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	for _, text := range []string{"text", "another"} {
		if err := Replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("it holds %q, %v", got, err)
		}
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	taken := filepath.Join(folder, "folder")
	if err := os.MkdirAll(filepath.Join(taken, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(taken, []byte("text")); err == nil {
		t.Error("a folder was replaced")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
		t.Errorf("%v, %v are left", left, err)
	}
}

// A name isn't durable before its folder is: where that can't be made so, it isn't said to be.
func TestReplaceSyncsTheFolder(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("no folder is unreadable")
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o300); err != nil { // it takes new names, but can't be opened, and so not synced
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
	if err := Replace(filepath.Join(folder, "file"), []byte("text")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}
