package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestEventComesBackAsItWasRecorded(t *testing.T) {
	l := open(t, newMemory())
	want := sample("00u1ana")
	got, err := l.Read(context.Background(), stored(t, l, record(t, l, want)))
	if err != nil {
		t.Fatal(err)
	}
	sameEvent(t, want, got)
}

// sameEvent compares what was given to Prepare with what was read back.
func sameEvent(t interface{ Fatalf(string, ...any) }, want, got Event) {
	want.Format = Format
	if want.Decision == "" {
		want.Decision = got.Decision
	}
	for i := range got.People {
		got.People[i].Key, got.People[i].Sealed = want.People[i].Key, want.People[i].Sealed
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("wrote %+v\n read %+v", want, got)
	}
}

func TestEntryIsCanonicalJSON(t *testing.T) {
	l := open(t, newMemory())
	entry := prepare(t, l, sample("00u1ana"))
	canonical := jsontext.Value(bytes.Clone(entry.bytes))
	if err := canonical.Canonicalize(); err != nil || !bytes.Equal(canonical, entry.bytes) {
		t.Fatalf("%s\nis not canonical: %v", entry.bytes, err)
	}
}

func TestLeafHashIsRFC6962(t *testing.T) {
	want := sha256.Sum256([]byte("\x00entry"))
	if leafHash([]byte("entry")) != want {
		t.Fatal("leaf hash is not SHA-256 of a zero byte and the entry")
	}
}

func TestEntryOf64KiBIsRefusedBeforeItIsWritten(t *testing.T) {
	l := open(t, newMemory())
	e := sample("00u1ana")
	short := len(prepare(t, l, e).bytes)
	e.Detail = strings.Repeat("x", MaxEntry-short-len(`"detail":"",`))
	if n := len(prepare(t, l, e).bytes); n != MaxEntry {
		t.Fatalf("an entry of %d bytes, want %d", n, MaxEntry)
	}
	e.Detail += "x"
	if _, err := l.Prepare(e); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("got %v, want ErrTooLarge", err)
	}
}
