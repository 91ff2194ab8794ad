package forward

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/tree"
)

// indexes is those of all lines of the files that the pattern names, in the order of their names, each held to its hash.
func indexes(t *testing.T, files ...string) (out []uint64) {
	t.Helper()
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var line struct {
				Index uint64         `json:"index"`
				Leaf  string         `json:"leaf_hash"`
				Entry jsontext.Value `json:"entry"`
			}
			if err := json.Unmarshal(lines.Bytes(), &line, json.RejectUnknownMembers(true)); err != nil {
				t.Fatalf("%s: %q: %v", file, lines.Bytes(), err)
			}
			if hash := tree.LeafHash(line.Entry); hex.EncodeToString(hash[:]) != line.Leaf {
				t.Errorf("entry %d isn't the one that was hashed", line.Index)
			}
			out = append(out, line.Index)
		}
	}
	return out
}

func TestAFileIsRotatedAndKeepsAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log[1].jsonl")
	to := &File{Path: path, Size: 4000}
	until(t, Config{Log: newLog(500), To: to, Cursor: path + ".cursor", Random: rand.Reader}, 500)
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	full, err := filepath.Glob(globbed(path) + ".0*")
	if err != nil || len(full) < 3 {
		t.Fatalf("%v, %v", full, err)
	}
	slices.Sort(full)
	if exists(path) {
		full = append(full, path)
	}
	if got := indexes(t, full...); !slices.Equal(got, upTo(500)) {
		t.Errorf("%v", got)
	}
}

func TestOnlySoManyFilesAreKept(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "log.jsonl")
	other := filepath.Join(folder, "log.jsonl.gz")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	to := &File{Path: path, Size: 1, Keep: 2}
	l := newLog(10)
	for i := range 5 {
		if err := to.Send(context.Background(), l.items[2*i:2*i+2]); err != nil {
			t.Fatal(err)
		}
	}
	full, err := filepath.Glob(path + ".0*")
	if err != nil || !slices.Equal(indexes(t, full...), []uint64{6, 7, 8, 9}) || !exists(other) {
		t.Errorf("%v, %v", full, err)
	}
	// The same entries again don't take the place of those that are there.
	if err := to.Send(context.Background(), l.items[9:10]); err != nil {
		t.Fatal(err)
	}
	if full, err = filepath.Glob(path + ".0*9*"); err != nil || len(full) != 2 {
		t.Errorf("%v, %v", full, err)
	}
}

// A line that was written in part when the machine stopped is cut off; a file that somebody moved is made anew.
func TestAFileSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	l := newLog(6)
	send := func(to *File, items []audit.Item) {
		t.Helper()
		if err := to.Send(context.Background(), items); err != nil {
			t.Fatal(err)
		}
	}
	to := &File{Path: path, Size: 1 << 20}
	send(to, l.items[:2])
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"index":2,"leaf_hash":"`); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	to = &File{Path: path, Size: 1 << 20}
	send(to, l.items[2:4])
	if got := indexes(t, path); !slices.Equal(got, upTo(4)) {
		t.Errorf("%v", got)
	}
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	send(to, l.items[4:])
	if got := indexes(t, path+".moved", path); !slices.Equal(got, upTo(6)) {
		t.Errorf("%v", got)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
}

// An entry whose body is gone is a line all the same.
func TestAnEntryThatIsGoneIsNull(t *testing.T) {
	for _, body := range [][]byte{nil, {0xff}, []byte(`{"a":`)} {
		if got := string(appendEntry(nil, audit.Item{Index: 7, Bytes: body})); !jsontext.Value(got).IsValid() || got[len(got)-13:] != `"entry":null}` {
			t.Error(got)
		}
	}
}
