package audit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/tree"
)

func TestEventComesBackAsItWasRecorded(t *testing.T) {
	l := open(t, newMemory())
	want := sample("00u1ana")
	got, err := l.event(context.Background(), stored(t, l, record(t, l, want)))
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

func TestLeafHashIsRFC6962(t *testing.T) {
	want := sha256.Sum256([]byte("\x00entry"))
	if tree.LeafHash([]byte("entry")) != want {
		t.Fatal("leaf hash is not SHA-256 of a zero byte and the entry")
	}
}

func TestEntryOf64KiBIsRefusedBeforeItIsWritten(t *testing.T) {
	l := open(t, newMemory())
	e := sample("00u1ana")
	short := len(prepare(t, l, e).bytes)
	e.Rule += strings.Repeat("x", MaxEntry-short)
	if n := len(prepare(t, l, e).bytes); n != MaxEntry {
		t.Fatalf("an entry of %d bytes, want %d", n, MaxEntry)
	}
	e.Rule += "x"
	if _, err := l.Prepare(e); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("got %v, want ErrTooLarge", err)
	}
}

func TestWhatCantBeAnEntryIsRefused(t *testing.T) {
	l := open(t, newMemory())
	other, err := NewDecision(noon.Add(time.Millisecond), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*Event){
		"no kind":                          func(e *Event) { e.Kind = "" },
		"no outcome":                       func(e *Event) { e.Outcome = "" },
		"a decision of another time":       func(e *Event) { e.Decision = other },
		"a malformed decision":             func(e *Event) { e.Decision = "x" },
		"a time before 1970":               func(e *Event) { e.Time = time.Time{}.Add(1) },
		"a person without a subject":       func(e *Event) { e.People[0].Subject = "" },
		"a person without a role":          func(e *Event) { e.People[0].Role = "" },
		"a revoked subject in the clear":   func(e *Event) { e.Revoked = &Revoked{Kind: "subject", Selector: "corp:00u1ana"} },
		"a number that JSON can't hold":    func(e *Event) { e.Rev = maxNumber + 1 },
		"invalid UTF-8":                    func(e *Event) { e.Detail = "\xff" },
		"invalid UTF-8 in a person":        func(e *Event) { e.People[0].Label = "\xff" },
		"an attribute that is no number":   func(e *Event) { e.People[0].Attributes = map[string]any{"x": math.NaN()} },
		"a time that RFC 3339 can't write": func(e *Event) { e.Granted.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	}
	for name, change := range tests {
		e := sample("00u1ana")
		change(&e)
		if _, err := l.Prepare(e); !errors.Is(err, ErrEvent) {
			t.Errorf("%s: got %v, want ErrEvent", name, err)
		}
	}
}

func TestPrepareLeavesTheEventAlone(t *testing.T) {
	l := open(t, newMemory())
	e := sample("00u1ana")
	prepare(t, l, e)
	if !reflect.DeepEqual(e, sample("00u1ana")) {
		t.Fatalf("%+v", e)
	}
}
