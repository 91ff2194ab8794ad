package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/server"
)

// Whoever put the wrong key or an older database in place must learn which file it is, and what to do.
func TestWhatIsMisplacedIsNamed(t *testing.T) {
	c := settings(t)
	start := func(c server.Config) string {
		s, err := server.New(t.Context(), c)
		if err != nil {
			return err.Error()
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return ""
	}
	if failed := start(c); failed != "" {
		t.Fatal(failed)
	}
	database := filepath.Join(c.DataDir, "db", "whittle.db")
	older, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	other := c
	other.KEK, other.Anchor = filepath.Join(t.TempDir(), "other"), filepath.Join(c.DataDir, "keys", "anchor")
	write(t, other.KEK, strings.Repeat("ab", 32))
	if failed := start(other); !strings.Contains(failed, other.KEK) {
		t.Errorf("another key: %s", failed)
	}
	c.NewBootstrap = true // something for the log
	if failed := start(c); failed != "" {
		t.Fatal(failed)
	}
	write(t, database, string(older))
	if failed := start(c); !strings.Contains(failed, "whittle restore") {
		t.Errorf("an older copy: %s", failed)
	}
}
