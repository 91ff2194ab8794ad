package audit

import (
	"errors"
	"math"
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

func encodePersonal(p *Personal) ([]byte, error) { return json.Marshal(p, personalEncoding) }

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
