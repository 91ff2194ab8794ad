package seal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestHowASourceIsWritten(t *testing.T) {
	for text, want := range map[string]Source{
		"":                            {},
		"keys/kek":                    {"file", "keys/kek"},
		"kek":                         {"file", "kek"},
		`C:\keys\kek`:                 {"file", `C:\keys\kek`},
		"/a:b/kek":                    {"file", "/a:b/kek"},
		"file:kek":                    {"file", "kek"},
		"env:KEK":                     {"env", "KEK"},
		"command:/usr/bin/cat a:b -c": {"command", "/usr/bin/cat a:b -c"},
	} {
		got, err := ParseSource(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if again, err := ParseSource(got.String()); err != nil || again != got {
			t.Errorf("%q written and read again: %+v, %v", text, again, err)
		}
	}
	for _, text := range []string{"env:", "command: ", "file:", "kms:alias/x", "ENV:KEK"} {
		if got, err := ParseSource(text); !errors.Is(err, ErrSource) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func load(t *testing.T, text string) (*LocalKEK, error) {
	t.Helper()
	source, err := ParseSource(text)
	if err != nil {
		t.Fatal(err)
	}
	return source.Load(context.Background())
}

func TestAKeyIsTheSameFromWhereverItComes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands of this test are a Unix system's")
	}
	digits := strings.Repeat("ab", KeySize)
	path := filepath.Join(t.TempDir(), "kek")
	write(t, path, digits+"\n", 0o600)
	t.Setenv("A_KEK", digits)
	var ids []string
	for _, text := range []string{path, "env:A_KEK", "command:cat " + path} {
		kek, err := load(t, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		ids = append(ids, kek.ID())
	}
	if ids[0] != ids[1] || ids[1] != ids[2] || strings.Contains(digits, ids[0]) {
		t.Errorf("ids %q", ids)
	}
}

func TestWhatIsNoKeyIsNotShown(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands of this test are a Unix system's")
	}
	secret := strings.Repeat("ab", KeySize-1) + "zz"
	path := filepath.Join(t.TempDir(), "kek")
	write(t, path, secret, 0o600)
	t.Setenv("A_KEK", secret)
	for _, text := range []string{path, "env:A_KEK", "env:NO_KEK", "command:cat " + path, "command:/no/such/program", "command:false", "command:cat /no/such/file"} {
		_, err := load(t, text)
		if err == nil || errors.Is(err, os.ErrNotExist) && strings.HasPrefix(text, "/") {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "abab") {
			t.Errorf("%s: the error shows it: %v", text, err)
		}
	}
	if _, err := load(t, "command:cat /no/such/file"); err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("what the command complains of isn't said: %v", err)
	}
}
