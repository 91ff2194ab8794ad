package audit

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
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
