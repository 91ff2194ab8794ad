package audit

import (
	"bytes"
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// drawEvent draws any event that can be an entry.
func drawEvent(t *rapid.T) Event {
	var e Event
	draw(t, reflect.ValueOf(&e).Elem())
	e.Format, e.Decision = 0, ""
	e.Time = noon.Add(time.Duration(rapid.Int64Range(0, 1e10).Draw(t, "ms")) * time.Millisecond)
	e.Kind, e.Outcome = "k"+e.Kind, "o"+e.Outcome
	if e.Revoked != nil && e.Revoked.Kind == "subject" {
		e.Revoked.Selector = ""
	}
	for i := range e.People {
		p := &e.People[i]
		p.Key, p.Sealed, p.Erased, p.Detail = "", "", false, ""
		p.Role, p.Subject = "r"+p.Role, "s"+p.Subject
		p.Attributes = drawAttributes(t, 3)
	}
	return e
}

var moment = reflect.TypeFor[time.Time]()

// draw fills any field of the form, so that a new one is covered without a word.
func draw(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.Just(""), rapid.StringN(0, 8, -1)).Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int: // only the format, which Prepare sets
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.Uint64Range(0, maxNumber).Draw(t, "number") & (1<<v.Type().Bits() - 1))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "present") {
			v.Set(reflect.New(v.Type().Elem()))
			draw(t, v.Elem())
		}
	case reflect.Slice:
		if n := rapid.IntRange(0, 3).Draw(t, "length"); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		for i := range v.Len() {
			draw(t, v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == moment {
			ms := rapid.Int64Range(-1e13, 1e14).Draw(t, "time")
			v.Set(reflect.ValueOf(time.UnixMilli(ms).UTC()))
			return
		}
		for i := range v.NumField() {
			draw(t, v.Field(i))
		}
	case reflect.Map: // attributes, drawn by themselves
	default:
		panic("a field of a kind that isn't drawn: " + v.Type().String())
	}
}

// drawAttributes draws what CEL knows, nested up to depth.
func drawAttributes(t *rapid.T, depth int) map[string]any {
	var m map[string]any
	for range rapid.IntRange(0, 3).Draw(t, "attributes") {
		if m == nil {
			m = map[string]any{}
		}
		m[rapid.String().Draw(t, "name")] = drawValue(t, depth)
	}
	return m
}

func drawValue(t *rapid.T, depth int) any {
	switch rapid.IntRange(0, 4+min(depth, 2)).Draw(t, "type") {
	case 0:
		return rapid.Bool().Draw(t, "bool")
	case 1:
		return rapid.Int64().Draw(t, "int64")
	case 2:
		return rapid.Float64().Draw(t, "float64")
	case 3:
		return rapid.String().Draw(t, "string")
	case 4:
		return float64(rapid.Int32().Draw(t, "whole"))
	case 5:
		return []any{drawValue(t, depth-2), drawValue(t, depth-2)}
	}
	m := drawAttributes(t, depth-1)
	if m == nil {
		m = map[string]any{}
	}
	return m
}

func TestAnyEventComesBackAsItWasAndIsCanonical(t *testing.T) {
	l := open(t, newMemory())
	rapid.Check(t, func(t *rapid.T) {
		want := drawEvent(t)
		entry, err := l.Prepare(want)
		if err != nil {
			t.Fatalf("prepare: %v", err)
		}
		index, err := l.Do(context.Background(), entry.op())
		if err != nil {
			t.Fatal(err)
		}
		items, err := l.List(context.Background(), index, 1)
		if err != nil {
			t.Fatal(err)
		}
		canonicalOrFail(t, items[0].Bytes)
		got, err := l.event(context.Background(), items[0].Bytes)
		if err != nil {
			t.Fatal(err)
		}
		sameEvent(t, want, got)
	})
}

// canonicalOrFail holds the entry to another implementation of RFC 8785.
func canonicalOrFail(t interface{ Fatalf(string, ...any) }, entry []byte) {
	canonical := jsontext.Value(bytes.Clone(entry))
	if err := canonical.Canonicalize(); err != nil || !bytes.Equal(canonical, entry) {
		t.Fatalf("%s\nis not canonical: %v", entry, err)
	}
}

// What is said of a person stands nowhere in the clear, neither as it is nor encoded.
func TestPersonIsNowhereInTheClear(t *testing.T) {
	l := open(t, newMemory())
	e := sample("")
	e.Detail, e.People = "revoked: subject MARK", nil
	for _, role := range []Role{RoleSubject, RoleActor, RoleSelector} {
		e.People = append(e.People, Person{Role: role, Personal: marked()})
	}
	entry := prepare(t, l, e)
	texts := [][]byte{entry.bytes}
	for _, p := range entry.event.People {
		sealed, err := fromText(p.Sealed)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, sealed)
	}
	for _, text := range texts {
		if bytes.Contains(text, []byte("MARK")) {
			t.Errorf("%q", text)
		}
	}
	for i := range reflect.TypeFor[Personal]().NumField() {
		if reflect.ValueOf(marked()).Field(i).IsZero() {
			t.Errorf("the test leaves out %s", reflect.TypeFor[Personal]().Field(i).Name)
		}
	}
}

// marked fills each field with a word that occurs nowhere else.
func marked() Personal {
	return Personal{
		Issuer: "MARK", Subject: "MARK", Groups: []string{"MARK"}, Label: "MARK", Reason: "MARK", Detail: "MARK",
		Attributes: map[string]any{"MARK": "MARK"}, Bindings: []string{"MARK"},
	}
}
