package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	secret = "ws_0pen+Sesame/Very%Long:and random"
	jwt    = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJlIG9mIG1hbnkgYnl0ZXM"
)

// files writes a ledger with the secrets and enough others, and an output.
func files(t *testing.T, output string, secrets ...string) []string {
	t.Helper()
	ledger := strings.Join(secrets, "\n")
	for i := range enough {
		ledger += fmt.Sprintf("\nanother secret, number %d", i)
	}
	folder := t.TempDir()
	names := []string{filepath.Join(folder, "ledger"), filepath.Join(folder, "output")}
	for i, text := range []string{ledger + "\n", output} {
		if err := os.WriteFile(names[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

const logLine = `time=x level=INFO msg="request failed" request=y` + "\n"

func TestASecretIsFoundHoweverItIsPrinted(t *testing.T) {
	for name, printed := range map[string]string{
		"as it is":               secret,
		"escaped":                url.QueryEscape(secret),
		"in hex":                 hex.EncodeToString([]byte(secret)),
		"in capital hex":         fmt.Sprintf("%X", secret),
		"as Basic credentials":   base64.StdEncoding.EncodeToString([]byte("id:" + secret)),
		"behind one byte":        base64.StdEncoding.EncodeToString([]byte("x" + secret + "yz")),
		"behind two bytes":       base64.URLEncoding.EncodeToString([]byte("xy" + secret)),
		"in the middle of JSON":  base64.URLEncoding.EncodeToString([]byte(`{"client_secret":"` + secret + `"}`)),
		"a JWT":                  jwt,
		"the signature of a JWT": jwt[strings.LastIndexByte(jwt, '.')+1:],
	} {
		var out strings.Builder
		err := run(files(t, "=== RUN\n"+logLine+"a line, "+printed+", and more\n", secret, jwt), &out)
		if err == nil || !strings.Contains(out.String(), "output:3: a secret") {
			t.Errorf("%s: %v, %s", name, err, out.String())
		}
		if strings.Contains(out.String(), secret) || strings.Contains(out.String(), "c2lnbmF0dXJl") {
			t.Errorf("%s: the report tells it", name)
		}
	}
}

func TestWhatIsNoSecretIsNotFound(t *testing.T) {
	for _, printed := range []string{"", secret[:10], "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0", strings.Repeat("a", 1000)} {
		if err := run(files(t, logLine+printed, secret, jwt), new(strings.Builder)); err != nil {
			t.Errorf("%q: %v", printed, err)
		}
	}
}

func TestAnEmptySearchProvesNothing(t *testing.T) {
	names := files(t, "ok\n", secret)
	if err := run(names, new(strings.Builder)); err == nil {
		t.Error("there was no log to look through")
	}
	if err := os.WriteFile(names[0], []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(names[1], []byte(logLine), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(names, new(strings.Builder)); err == nil {
		t.Error("there was nothing to look for")
	}
	if err := run(names[:1], new(strings.Builder)); err == nil {
		t.Error("no output was named")
	}
}
