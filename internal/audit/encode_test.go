package audit

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/exact"
	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/store"
)

// reflected is what the form is by its types: the encoding that the one by hand has to equal.
func reflected(e *Event) ([]byte, error) {
	return json.Marshal(e, json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, t time.Time) error {
		t = t.UTC()
		if year := t.Year(); year < 0 || year > 9999 {
			return errors.New("the time is out of range")
		}
		return enc.WriteToken(jsontext.String(t.Format(timeLayout)))
	})))
}

func TestPropertyWritingByHandIsWritingByReflection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t)
		e.Format = rapid.IntRange(0, 3).Draw(t, "format")
		e.Decision = rapid.String().Draw(t, "decision")
		for i := range e.People {
			e.People[i].Key, e.People[i].Sealed = rapid.String().Draw(t, "key"), rapid.String().Draw(t, "sealed")
		}
		if rapid.Bool().Draw(t, "spoilt") {
			e.Rule += rapid.SampledFrom([]string{"\xff", "\xc0\x80", "\xed\xa0\x80"}).Draw(t, "no text")
		}
		want, wantErr := reflected(&e)
		got, err := encode(&e)
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("by hand %s, %v\nby reflection %s, %v", got, err, want, wantErr)
		}
	})
}

// personalEncoding is how reflection writes a person, but for the attributes, which internal/exact is held to.
var personalEncoding = json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, attributes map[string]any) error {
	text, err := exact.AppendObject(nil, attributes)
	if err != nil {
		return err
	}
	return enc.WriteValue(text)
}))

func TestPropertyWritingAPersonByHandIsWritingByReflection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Personal
		draw(t, reflect.ValueOf(&p).Elem())
		p.Attributes = drawAttributes(t, 3)
		if rapid.Bool().Draw(t, "spoilt") {
			p.Label += rapid.SampledFrom([]string{"\xff", "\xc0\x80", "\xed\xa0\x80"}).Draw(t, "no text")
		}
		if rapid.Bool().Draw(t, "odd") { // what CEL doesn't know
			p.Attributes = map[string]any{"odd": rapid.SampledFrom([]any{uint8(7), []string{"a"}, math.NaN(), "\xff"}).Draw(t, "value")}
		}
		want, wantErr := json.Marshal(&p, personalEncoding)
		got, err := encodePersonal(&p)
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("by hand %s, %v\nby reflection %s, %v", got, err, want, wantErr)
		}
	})
}

func TestPropertyReadingAPersonByHandIsReadingByReflection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Personal
		draw(t, reflect.ValueOf(&p).Elem())
		p.Attributes = drawAttributes(t, 3)
		text, err := encodePersonal(&p)
		if err != nil {
			t.Skip(err)
		}
		if rapid.Bool().Draw(t, "spoilt") {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text = slices.Concat(text[:at], []byte(rapid.SampledFrom([]string{"", `"`, "}", ",", "0", "-", " ", `"a":1,`, "null,", "\xff"}).Draw(t, "with")), text[at+rapid.IntRange(0, 1).Draw(t, "without"):])
		}
		readsPersonAlike(t, text)
	})
}

func readsPersonAlike(t interface{ Fatalf(string, ...any) }, text []byte) {
	var want, got Personal
	wantErr := json.Unmarshal(text, &want, personalDecoding)
	if err := decodePersonal(text, &got); (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
		t.Fatalf("%s\nby hand %#v, %v\nby reflection %#v, %v", text, got, err, want, wantErr)
	}
}

// What isn't as it is written means what it meant, or nothing.
func TestWhatAPersonIsReadFrom(t *testing.T) {
	for _, attributes := range []string{
		`{"a":1,"a":1}`, `{"b":{"a":1,"a":2}}`, `{"b":1,"a":1}`, `{}`, `{"a":[]}`, `{"a":{}}`, `{"a":null}`, `{"a":01}`, `{"a":1.}`, `{"a":-0}`, `{"a":-0.0}`,
		`{"a":1.0e2}`, `{"a":1e400}`, `{"a":9223372036854775808}`, `{"a":+1}`, `{"a":NaN}`, `{"a":truer}`, `{"a": 1}`, `{"a":1,}`, `{"a":[1,]}`, `{"\u0061":1}`, "{\"a\":\"\xff\"}",
		`{"a":` + strings.Repeat("[", 40) + "1" + strings.Repeat("]", 40) + "}", `{"a":` + strings.Repeat("[", 20_000), `{`, ``, `[1]`,
	} {
		for _, text := range []string{`{"subject":"ana","attributes":%s}`, `{"issuer":"","subject":"ana","attributes":%s,"label":"x"}`, `{"subject":"ana","attributes":%s} `} {
			readsPersonAlike(t, fmt.Appendf(nil, text, attributes))
		}
	}
}

// TestAPersonIsReadByHand holds that what is written isn't left to reflection, which is slow.
func TestAPersonIsReadByHand(t *testing.T) {
	p := sample("00u1ana").People[0].Personal
	p.Attributes["list"], p.Attributes["deep"] = []any{"a", int64(-1), false}, map[string]any{"é\n": 1e300, "b": "c"}
	text, err := encodePersonal(&p)
	if err != nil {
		t.Fatal(err)
	}
	f, read := form{reading: true, rest: string(text)}, Personal{}
	if f.personal(&read); f.err != nil || f.rest != "" || !reflect.DeepEqual(read, p) {
		t.Errorf("%s: %+v, %v", text, read, f.err)
	}
}

// TestTheKeyOfAnEntryIsHKDFs holds the one block by hand to the whole function.
func TestTheKeyOfAnEntryIsHKDFs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret")
		decision := rapid.String().Draw(t, "decision")
		expanded, err := hkdf.Expand(sha256.New, secret, "whittle audit entry "+decision, 32)
		if err != nil {
			t.Fatal(err)
		}
		want, err := seal.NewKey(expanded)
		if err != nil {
			t.Fatal(err)
		}
		got, err := entryKey(store.Person{Key: secret}, decision)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := want.Open(got.Seal([]byte("text"), nil), nil); err != nil || string(text) != "text" {
			t.Fatalf("another key: %v", err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	l := open(b, newMemory())
	e := prepare(b, l, sample("00u1ana")).event
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	l := open(b, newMemory())
	entry := prepare(b, l, sample("00u1ana")).bytes
	b.SetBytes(int64(len(entry)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(entry); err != nil {
			b.Fatal(err)
		}
	}
}
