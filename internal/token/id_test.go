package token

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

func TestIDsHaveOneSpelling(t *testing.T) {
	want := ID{0xff, 1, 2, 15: 0xfc}
	text := want.String()
	if got, err := ParseID(text); err != nil || got != want || len(text) != 22 {
		t.Errorf("%q: %v, %v", text, got, err)
	}
	for _, other := range []string{"", text[:21], text + "A", text + "==", text + "\n", text[:21] + "x", text[:10] + "\n" + text[10:21], strings.Repeat("+", 22)} {
		if _, err := ParseID(other); err == nil {
			t.Errorf("%q is an id", other)
		}
	}
	if _, err := NewID(bytes.NewReader(make([]byte, 15))); err == nil {
		t.Error("an id was made of 15 random bytes")
	}
}

func TestOutsideIDsDoNotMeet(t *testing.T) {
	seen := make(map[ID]string)
	for _, parts := range [][3]string{
		{"corp", "jti", "a"}, {"corp", "jti", "b"}, {"lab", "jti", "a"}, {"corp", "signing input", "a"},
		{"corpj", "ti", "a"}, {"cor", "pjti", "a"}, {"corp", "jtia", ""}, {"", "corpjti", "a"},
	} {
		id := OutsideID(parts[0], parts[1], []byte(parts[2]))
		if before, met := seen[id]; met {
			t.Errorf("%q has the id of %q", parts, before)
		}
		seen[id] = strings.Join(parts[:], " ")
	}
	if once, twice := OutsideID("corp", "jti", []byte("a")), OutsideID("corp", "jti", []byte("a")); once != twice {
		t.Error("an outside id isn't the same twice")
	}
}

func TestIDsInJSON(t *testing.T) {
	want := map[string]ID{"id": {0xff, 15: 1}}
	text, err := json.Marshal(want)
	if err != nil || string(text) != `{"id":"_wAAAAAAAAAAAAAAAAAAAQ"}` {
		t.Errorf("%s: %v", text, err)
	}
	var got map[string]ID
	if err := json.Unmarshal(text, &got); err != nil || got["id"] != want["id"] {
		t.Errorf("%v: %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"id":"_wAAAAAAAAAAAAAAAAAAAR"}`), &got); err == nil {
		t.Error("an id with stray bits was read")
	}
}
