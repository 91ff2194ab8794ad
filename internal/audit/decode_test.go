package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

// decodeReflected is Decode with what the types say about the form: what reading by hand has to equal.
func decodeReflected(entry []byte) (e Event, err error) {
	if len(entry) > MaxEntry {
		return Event{}, ErrTooLarge
	}
	if err := json.Unmarshal(entry, &e, json.RejectUnknownMembers(true)); err != nil {
		return Event{}, err
	}
	if e.Format != Format {
		return Event{}, fmt.Errorf("format %d", e.Format)
	}
	if err := e.check(); err != nil {
		return Event{}, err
	}
	for i := range e.People {
		if err := e.People[i].checkSealed(); err != nil {
			return Event{}, err
		}
	}
	if again, err := reflected(&e); err != nil || !bytes.Equal(again, entry) {
		return Event{}, errors.New("not canonical")
	}
	return e, nil
}

// readsAlike fails unless both take the same bytes, for the same event.
func readsAlike(t interface{ Fatalf(string, ...any) }, entry []byte) {
	if _, dropped := ReadRemnant(entry); dropped {
		return
	}
	want, wantErr := decodeReflected(entry)
	got, err := Decode(entry)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q:\nby hand %v\nby reflection %v", entry, err, wantErr)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q:\nby hand %+v\nby reflection %+v", entry, got, want)
	}
}

func TestPropertyReadingByHandIsReadingByReflection(t *testing.T) {
	l := open(t, newMemory())
	rapid.Check(t, func(t *rapid.T) {
		entry, err := l.Prepare(drawEvent(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(entry.bytes); err != nil {
			t.Fatalf("%s: %v", entry.bytes, err)
		}
		readsAlike(t, entry.bytes)
		for range 20 {
			readsAlike(t, spoil(t, entry.bytes))
		}
	})
}

// spoil changes the entry a little, so that it often still is JSON, and sometimes an entry.
func spoil(t *rapid.T, entry []byte) []byte {
	place := func(within int, name string) int { return rapid.IntRange(0, within).Draw(t, name) }
	members := strings.Split(string(entry), ",")
	a, b := place(len(members)-1, "member"), place(len(members)-1, "other")
	switch place(4, "how") {
	case 0: // out of order
		members[a], members[b] = members[b], members[a]
	case 1: // twice
		members[a] += "," + members[b]
	case 2: // missing
		members = append(members[:a:a], members[a+1:]...)
	case 3: // another byte
		spoilt := bytes.Clone(entry)
		spoilt[place(len(entry)-1, "at")] = rapid.Byte().Draw(t, "byte")
		return spoilt
	default:
		at := place(len(entry), "at")
		more := rapid.SampledFrom([]string{" ", "0", "1", ".0", "e0", "-", ",", "null", "[]", "{}", `""`, `\`, `\n`, `\u0061`, `\ud800`, "\xff", "\xed\xa0\x80", "é", "\x00", `"new":1,`, `,"x":{"y":[]}`, "]", "}", `"`}).Draw(t, "more")
		return []byte(string(entry[:at]) + more + string(entry[at:]))
	}
	return []byte(strings.Join(members, ","))
}

func TestWhatIsNoEntryIsRefused(t *testing.T) {
	golden, err := os.ReadFile("testdata/exchange.json")
	if err != nil {
		t.Fatal(err)
	}
	entry := string(golden)
	for name, change := range map[string][2]string{
		"an unknown member":                   {`"kind":`, `"kinds":"x","kind":`},
		"an unknown member at the end":        {`"wire":"grpc"}`, `"wire":"grpc","zone":1}`},
		"a member twice":                      {`"kind":"exchange"`, `"kind":"exchange","kind":"exchange"`},
		"members out of order":                {`"kind":"exchange","outcome":"granted"`, `"outcome":"granted","kind":"exchange"`},
		"a member that is empty":              {`"kind":"exchange"`, `"from":"","kind":"exchange"`},
		"white space":                         {`"kind":"exchange"`, `"kind": "exchange"`},
		"an escape that needn't be":           {`"kind":"exchange"`, `"kind":"\u0065xchange"`},
		"invalid UTF-8":                       {`"kind":"exchange"`, "\"kind\":\"exchange\xff\""},
		"half of a surrogate pair":            {`"kind":"exchange"`, `"kind":"\ud800"`},
		"a control character":                 {`"kind":"exchange"`, "\"kind\":\"ex\nchange\""},
		"null":                                {`"kind":"exchange"`, `"granted":null,"kind":"exchange"`},
		"a number as text":                    {`"format":1`, `"format":"1"`},
		"a number with a leading zero":        {`"format":1`, `"format":01`},
		"a number with a point":               {`"format":1`, `"format":1.0`},
		"a negative number":                   {`"format":1`, `"format":-1`},
		"a number that is larger than any":    {`"format":1`, `"format":18446744073709551617`},
		"a number that is larger than a byte": {`"depth":`, `"depth":30`},
		"something after it":                  {`"wire":"grpc"}`, `"wire":"grpc"}}`},
		"a missing end":                       {`"wire":"grpc"}`, `"wire":"grpc"`},
	} {
		if !strings.Contains(entry, change[0]) {
			t.Fatalf("%s: the entry has no %s: %s", name, change[0], entry)
		}
		spoilt := []byte(strings.Replace(entry, change[0], change[1], 1))
		if _, err := Decode(spoilt); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: %v", name, err)
		}
		readsAlike(t, spoilt)
	}
}
