package exact

import (
	"bytes"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Append appends a value. What CEL knows is written by hand, which for the attributes of a person
// takes a third of what reflection takes; whatever else, by reflection.
func Append(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		return AppendText(b, v)
	case bool:
		return strconv.AppendBool(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float64:
		return appendFloat(b, v)
	case []any:
		return appendList(b, v)
	case map[string]any:
		return AppendObject(b, v)
	default:
		text, err := json.Marshal(v, reflection)
		return append(b, text...), err
	}
}

// AppendObject appends an object, its members sorted by name.
func AppendObject(b []byte, object map[string]any) ([]byte, error) {
	var room [8]string
	names := slices.AppendSeq(room[:0], maps.Keys(object))
	slices.Sort(names)
	var err error
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = AppendText(b, name); err != nil {
			return b, err
		}
		if b, err = Append(append(b, ':'), object[name]); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func appendList(b []byte, list []any) ([]byte, error) {
	var err error
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = Append(b, v); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

// AppendText appends a string in its canonical form (RFC 8785 section 3.2.2.2). One that isn't UTF-8 has
// none and is an error. Nearly all are plain, and asking first makes an entry cost a third.
func AppendText(b []byte, s string) ([]byte, error) {
	if !Plain(s) {
		return jsontext.AppendQuote(b, s)
	}
	return append(append(append(b, '"'), s...), '"'), nil
}

// Plain says whether a text stands in JSON as it is.
func Plain(s string) bool {
	for i := range len(s) {
		if !PlainByte(s[i]) {
			return false
		}
	}
	return true
}

// PlainByte says whether a byte stands in a JSON string as it is, and for itself.
func PlainByte(c byte) bool { return c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf }

// appendFloat always writes a point or an exponent.
func appendFloat(b []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return b, errors.New("not a number")
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, 64)
	if !bytes.ContainsAny(b[start:], ".e") {
		b = append(b, ".0"...)
	}
	return b, nil
}

// reflection writes as Append does.
var reflection = json.JoinOptions(
	json.Deterministic(true),
	json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, f float64) error {
		text, err := appendFloat(nil, f)
		if err != nil {
			return err
		}
		return enc.WriteValue(text)
	})),
)

// Number reads a JSON number. What neither type can hold is an error: 1e400, or a whole number of more than
// 64 bits, which a float would round to its neighbour.
func Number(text string) (any, error) {
	if strings.ContainsAny(text, ".eE") {
		return strconv.ParseFloat(text, 64)
	}
	return strconv.ParseInt(text, 10, 64)
}
