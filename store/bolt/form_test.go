package bolt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"go.etcd.io/bbolt"
)

// The form of schema 1 is for good: a change of it, also a renamed field of a record, is a new schema.
func TestFormOfTheFile(t *testing.T) {
	s := filled(t, t.TempDir())
	defer s.Close()
	var lines []string
	err := s.file.db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(table []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				lines = append(lines, fmt.Sprintf("%s %s = %s", table, readable(k), readable(v)))
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(lines, "\n") + "\n"
	golden := filepath.Join("testdata", "schema1.golden")
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the form changed:\n%s\nwant\n%s", got, want)
	}
}

// readable writes bytes that aren't printable in hexadecimal.
func readable(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		if c < 0x80 && unicode.IsPrint(rune(c)) {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "\\%02x", c)
		}
	}
	return out.String()
}
