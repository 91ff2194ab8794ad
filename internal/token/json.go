package token

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/whittle-sts/whittle/internal/exact"
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
	var set ClaimSet
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("%w: not a JSON object by the strict rules", ErrClaims) // err may quote the text
	}
	return set, nil
}

var errJSON = errors.New("not an object, or too deep")

// UnmarshalJSONFrom reads the next value, token by token. The decoder is the strict one.
func (c *ClaimSet) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := readValue(dec)
	if err != nil {
		return err
	}
	set, ok := v.(map[string]any)
	if !ok {
		return errJSON
	}
	*c = set
	return nil
}

func readValue(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		return readMembers(dec)
	case '[':
		return readElements(dec)
	case '"':
		return tok.String(), nil
	case '0':
		return exact.Number(tok.String())
	case 'n':
		return nil, nil
	default:
		return tok.Bool(), nil
	}
}

func readMembers(dec *jsontext.Decoder) (any, error) {
	if dec.StackDepth() > maxJSONDepth {
		return nil, errJSON
	}
	set := make(map[string]any)
	for dec.PeekKind() != '}' {
		tok, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := tok.String() // before the next token takes its place
		if set[name], err = readValue(dec); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken()
	return set, err
}

func readElements(dec *jsontext.Decoder) (any, error) {
	if dec.StackDepth() > maxJSONDepth {
		return nil, errJSON
	}
	list := []any{}
	for dec.PeekKind() != ']' {
		v, err := readValue(dec)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := dec.ReadToken()
	return list, err
}

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
