package exact

import (
	"bytes"
	"math"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

// draw draws a value, nested up to depth; odd ones are what CEL doesn't know, or has no text.
func draw(t *rapid.T, depth int, odd bool) any {
	switch rapid.IntRange(0, 6+2*min(depth, 1)).Draw(t, "type") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int64")
	case 3:
		return rapid.Float64().Draw(t, "float64")
	case 4:
		return float64(rapid.Int32().Draw(t, "whole"))
	case 5:
		return rapid.String().Draw(t, "string")
	case 6:
		if odd {
			return rapid.SampledFrom([]any{uint8(7), []string{"a"}, []float64{1}, math.NaN(), math.Inf(-1), "\xff", "\xed\xa0\x80"}).Draw(t, "odd")
		}
		return `"\` + rapid.StringOf(rapid.RuneFrom([]rune("a\x00\n\x7f\u2028é😀"))).Draw(t, "escaped")
	case 7:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list = append(list, draw(t, depth-1, odd))
		}
		return list
	}
	object := map[string]any{}
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		object[rapid.String().Draw(t, "name")] = draw(t, depth-1, odd)
	}
	return object
}

func TestPropertyWritingByHandIsWritingByReflection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := draw(t, 4, true)
		want, wantErr := json.Marshal(v, reflection)
		got, err := Append([]byte("before"), v)
		if (err == nil) != (wantErr == nil) || err == nil && string(got) != "before"+string(want) {
			t.Fatalf("by hand %s, %v\nby reflection %s, %v", got, err, want, wantErr)
		}
	})
}

// What is read of what was written is written as before; that it is also the same value, token and audit test.
func TestPropertyWhatIsWrittenIsValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, err := Append(nil, draw(t, 4, false))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
}

func TestWholeNumbersAndOthersStayApart(t *testing.T) {
	for text, v := range map[string]any{
		"1": int64(1), "1.0": 1.0, "-0.0": math.Copysign(0, -1), "1e+300": 1e300, "1e-07": 1e-7, "0.1": 0.1,
		"9007199254740993": int64(9007199254740993), "-9223372036854775808": int64(math.MinInt64),
		"1.7976931348623157e+308": math.MaxFloat64,
	} {
		got, err := Append(nil, v)
		if err != nil || string(got) != text {
			t.Errorf("%v is written %s, not %s: %v", v, got, text, err)
		}
		if again, err := Number(text); err != nil || again != v || math.Signbit(1/float(again)) != math.Signbit(1/float(v)) {
			t.Errorf("%s is read as %#v: %v", text, again, err)
		}
	}
	for _, text := range []string{"1e400", "9223372036854775808", ""} {
		if v, err := Number(text); err == nil {
			t.Errorf("%s is read as %v", text, v)
		}
	}
}

func float(v any) float64 {
	if whole, ok := v.(int64); ok {
		return float64(whole)
	}
	return v.(float64)
}

func TestMembersAreSorted(t *testing.T) {
	object := map[string]any{"b": true, "a": nil, "": "x", "é": int64(1), "Z": []any{}}
	for range 20 {
		text, err := AppendObject(nil, object)
		if err != nil || !bytes.Equal(text, []byte(`{"":"x","Z":[],"a":null,"b":true,"é":1}`)) {
			t.Fatalf("%s, %v", text, err)
		}
	}
}

func BenchmarkAppendObject(b *testing.B) {
	attributes := map[string]any{"level": int64(7), "ratio": 2.0, "site": "zrh", "contractor": false}
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := AppendObject(nil, attributes); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by reflection", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(attributes, reflection); err != nil {
				b.Fatal(err)
			}
		}
	})
}
