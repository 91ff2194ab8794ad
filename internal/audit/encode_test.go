package audit

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"math"
	"reflect"
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
		if _, err := encode(&e); err != nil {
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
