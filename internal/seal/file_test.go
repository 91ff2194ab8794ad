package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestAKeyFileIsMadeOnceAndReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "kek")
	made, err := CreateFile(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("folder's mode %v, %v", info.Mode(), err)
	}
	sealed, err := made.Wrap(t.Context(), []byte("text"), nil)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := loaded.Unwrap(t.Context(), sealed, nil); err != nil || string(text) != "text" {
		t.Errorf("the key that was read is another: %v", err)
	}
}

func TestAKeyFileIsNeverReplaced(t *testing.T) {
	for name, content := range map[string]string{"a key": strings.Repeat("ab", KeySize), "nothing": "", "rubbish": "x"} {
		path := filepath.Join(t.TempDir(), "kek")
		write(t, path, content, 0o600)
		if key, err := CreateFile(path, rand.Reader); !errors.Is(err, os.ErrExist) || key != nil {
			t.Errorf("over %s: %v", name, err)
		}
		if left, err := os.ReadFile(path); err != nil || string(left) != content {
			t.Errorf("%s was overwritten: %v", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "kek")
	if _, err := CreateFile(path, bytes.NewReader(make([]byte, KeySize-1))); err == nil {
		t.Error("a key was made of too little randomness")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was left without a key: %v", err)
	}
}

func TestWhichKeyFilesAreRead(t *testing.T) {
	good := hex.EncodeToString(secretOf(1))
	for _, row := range []struct {
		name, content string
		mode          os.FileMode
		ok            bool
	}{
		{"its owner's", good, 0o600, true},
		{"its owner's, read-only", good, 0o400, true},
		{"with a newline behind", good + "\n", 0o600, true},
		{"as Windows writes it", strings.ToUpper(good) + "\r\n", 0o600, true},
		{"the group may read", good, 0o640, false},
		{"everybody may read", good, 0o644, false},
		{"the group may write", good, 0o620, false},
		{"everybody may write", good, 0o602, false},
		{"empty", "", 0o600, false},
		{"31 bytes", good[2:], 0o600, false},
		{"33 bytes", good + "00", 0o600, false},
		{"an odd digit", good + "0", 0o600, false},
		{"no hexadecimal", strings.Repeat("z", 64), 0o600, false},
		{"raw bytes", string(secretOf(1)), 0o600, false},
		{"two keys", good + "\n" + good + "\n", 0o600, false},
		{"a megabyte", strings.Repeat("00", 1<<19), 0o600, false},
	} {
		if runtime.GOOS == "windows" && row.mode&0o077 != 0 {
			continue
		}
		path := filepath.Join(t.TempDir(), "kek")
		write(t, path, row.content, row.mode)
		key, err := LoadFile(path)
		if (err == nil) != row.ok || (key != nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
		if err != nil && (strings.Contains(err.Error(), good[8:24]) || errors.Is(err, os.ErrNotExist)) {
			t.Errorf("%s: the error shows the key, or says there is none: %v", row.name, err)
		}
	}
	if _, err := LoadFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := LoadFile(t.TempDir()); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder: %v", err)
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
