package token

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxJSONDepth = 16
	maxDate      = 253402300799 // the end of year 9999, beyond which dates mean nothing
)

// ClaimSet is a JSON object, read strictly and once: no member twice at any depth, names compared
// exactly, UTF-8 only, nothing behind it. Whole numbers are int64, others float64, so that CEL sees
// what was written; one that neither can hold (1e400, or a whole number of more than 64 bits, which a
// float would round to its neighbour) is refused. Objects are map[string]any and arrays []any. A
// claim of the wrong type is an error, never absent.
type ClaimSet map[string]any

// ParseClaims reads a JSON object.
func ParseClaims(text []byte) (ClaimSet, error) {
	if !shallow(text) {
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrClaims, maxJSONDepth)
	}
	var set map[string]any
	if err := json.Unmarshal(text, &set, reading); err != nil {
		return nil, fmt.Errorf("%w: not a JSON object by the strict rules", ErrClaims) // err may quote the text
	}
	if set == nil {
		return nil, fmt.Errorf("%w: null", ErrClaims)
	}
	return set, nil
}

// shallow says whether the brackets outside strings nest no deeper than allowed. It runs before
// anything is allocated for the content.
func shallow(text []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxJSONDepth {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

var reading = json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported // read as ever
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	text := string(raw)
	if strings.ContainsAny(text, ".eE") {
		*v, err = strconv.ParseFloat(text, 64)
	} else {
		*v, err = strconv.ParseInt(text, 10, 64)
	}
	return err
}))

// writing keeps whole numbers and others apart: a float always has a point or an exponent.
var writing = json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, f float64) error {
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return enc.WriteValue(jsontext.Value(text))
}))

// Has says whether the claim is there, of whatever type.
func (c ClaimSet) Has(name string) bool {
	_, ok := c[name]
	return ok
}

// String is a claim that must be a string if it is there; empty if it isn't.
func (c ClaimSet) String(name string) (string, error) {
	v, ok := c[name]
	if !ok {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%w: %s is not a string", ErrClaims, name)
	}
	return s, nil
}

// StringOrList is a claim that must be a string or a list of strings if it is there (RFC 7519
// section 4.1.3); nil if it isn't.
func (c ClaimSet) StringOrList(name string) ([]string, error) {
	switch v := c[name].(type) {
	case nil:
		if c.Has(name) {
			return nil, fmt.Errorf("%w: %s is null", ErrClaims, name)
		}
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, fmt.Errorf("%w: %s holds something else than strings", ErrClaims, name)
			}
			out = append(out, s)
		}
		return out, nil
	default:
		return nil, fmt.Errorf("%w: %s is neither a string nor a list", ErrClaims, name)
	}
}

// NumericDate is a claim that must be a date if it is there (RFC 7519 section 2), whole or with a
// fraction; the zero time if it isn't. The range is checked before any conversion: what a huge float
// becomes as an integer depends on the processor.
func (c ClaimSet) NumericDate(name string) (time.Time, error) {
	var seconds float64
	switch v := c[name].(type) {
	case nil:
		if c.Has(name) {
			return time.Time{}, fmt.Errorf("%w: %s is null", ErrClaims, name)
		}
		return time.Time{}, nil
	case int64:
		seconds = float64(v)
	case float64:
		seconds = v
	default:
		return time.Time{}, fmt.Errorf("%w: %s is not a number", ErrClaims, name)
	}
	if !(seconds >= 0 && seconds <= maxDate) {
		return time.Time{}, fmt.Errorf("%w: %s is out of range", ErrClaims, name)
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), nil
}

// Object is a claim that must be an object if it is there; nil if it isn't.
func (c ClaimSet) Object(name string) (ClaimSet, error) {
	v, ok := c[name]
	if !ok {
		return nil, nil
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: %s is not an object", ErrClaims, name)
	}
	return o, nil
}

// Uint is a claim that must be a whole number from 0 if it is there; 0 if it isn't.
func (c ClaimSet) Uint(name string) (uint64, error) {
	v, ok := c[name]
	if !ok {
		return 0, nil
	}
	n, ok := v.(int64)
	if !ok || n < 0 {
		return 0, fmt.Errorf("%w: %s is not a whole number", ErrClaims, name)
	}
	return uint64(n), nil
}
