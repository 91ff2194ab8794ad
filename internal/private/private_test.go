package private

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestOnlyWhatNobodyElseMayReadOrChangeIsRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps who may read a file elsewhere than in its mode")
	}
	for mode, good := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o700: true, 0o640: false, 0o604: false, 0o620: false, 0o602: false, 0o610: false, 0o644: false,
	} {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte("s3cret"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		text, err := Read(path, 6)
		if (err == nil) != good || good && string(text) != "s3cret" || !good && text != nil {
			t.Errorf("mode %04o: %q, %v", mode, text, err)
		}
	}
}

func TestWhatIsTooLongIsRefusedAndNotCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, 5); err == nil {
		t.Error("a longer file was taken")
	}
}
