package audit

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What is sealed is JSON in which whole numbers and others stay apart, since CEL tells 1 from 1.0 and
// a rule that was decided by one can't be retraced with the other: a float always has a point or an
// exponent.

var personalEncoding = json.JoinOptions(
	json.Deterministic(true),
	json.WithMarshalers(json.MarshalToFunc(writeFloat)),
)

var personalDecoding = json.JoinOptions(
	json.RejectUnknownMembers(true),
	json.WithUnmarshalers(json.UnmarshalFromFunc(readAny)),
)

// encodePersonal writes by hand, as encode does, what json.Marshal with personalEncoding would.
func encodePersonal(p *Personal) ([]byte, error) {
	f := form{written: make([]byte, 0, usualPersonal)}
	f.open('{')
	some(&f, "issuer", &p.Issuer)
	text(&f, "subject", &p.Subject)
	texts(&f, "groups", &p.Groups)
	if f.member("attributes", len(p.Attributes) > 0) {
		f.value(p.Attributes)
	}
	texts(&f, "bindings", &p.Bindings)
	some(&f, "label", &p.Label)
	some(&f, "reason", &p.Reason)
	some(&f, "detail", &p.Detail)
	f.close('}')
	return f.written, f.err
}

// usualPersonal is the bytes that most people's fields fit into.
const usualPersonal = 512

// value writes what CEL knows; whatever else, by reflection.
func (f *form) value(v any) {
	switch v := v.(type) {
	case string:
		f.quote(v)
	case bool:
		f.written = strconv.AppendBool(f.written, v)
	case int64:
		f.written = strconv.AppendInt(f.written, v, 10)
	case []any:
		elements(f, &v, func(f *form, one *any) { f.value(*one) })
	case map[string]any:
		f.open('{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			f.comma()
			f.quote(name)
			f.written = append(f.written, ':')
			f.value(v[name])
		}
		f.close('}')
	default:
		text, err := json.Marshal(v, personalEncoding)
		if err != nil {
			f.err = err
		}
		f.written = append(f.written, text...)
	}
}

func decodePersonal(text []byte, p *Personal) error { return json.Unmarshal(text, p, personalDecoding) }

func writeFloat(enc *jsontext.Encoder, f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errors.New("an attribute is not a number")
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return enc.WriteValue(jsontext.Value(text))
}

// readAny reads a number of any type; what isn't one is read as ever.
func readAny(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if text := string(raw); strings.ContainsAny(text, ".eE") {
		*v, err = strconv.ParseFloat(text, 64)
	} else {
		*v, err = strconv.ParseInt(text, 10, 64)
	}
	return err
}

// AttributesText is the attributes as a JSON object, in which a whole number and another stay apart; empty if
// there are none.
func (p *Personal) AttributesText() (string, error) {
	if len(p.Attributes) == 0 {
		return "", nil
	}
	text, err := json.Marshal(p.Attributes, personalEncoding)
	return string(text), err
}
