package audit

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/whittle-sts/whittle/internal/exact"
)

// What is sealed is JSON in which attributes are exact.

var personalDecoding = json.JoinOptions(
	json.RejectUnknownMembers(true),
	json.WithUnmarshalers(json.UnmarshalFromFunc(readAny)),
)

// encodePersonal writes by hand, as encode does, what json.Marshal would, but for numbers.
func encodePersonal(p *Personal) ([]byte, error) {
	f := form{written: make([]byte, 0, usualPersonal)}
	f.open('{')
	some(&f, "issuer", &p.Issuer)
	text(&f, "subject", &p.Subject)
	texts(&f, "groups", &p.Groups)
	if f.member("attributes", len(p.Attributes) > 0) {
		f.object(p.Attributes)
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

func (f *form) object(o map[string]any) {
	b, err := exact.AppendObject(f.written, o)
	if err != nil {
		f.err = err
		return
	}
	f.written = b
}

func decodePersonal(text []byte, p *Personal) error { return json.Unmarshal(text, p, personalDecoding) }

// readAny reads a number of any type; what isn't one is read as ever.
func readAny(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	*v, err = exact.Number(string(raw))
	return err
}

// AttributesText is the attributes as a JSON object, in which a whole number and another stay apart; empty if
// there are none.
func (p *Personal) AttributesText() (string, error) {
	if len(p.Attributes) == 0 {
		return "", nil
	}
	text, err := exact.AppendObject(nil, p.Attributes)
	return string(text), err
}
