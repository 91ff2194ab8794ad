package audit

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/whittle-sts/whittle/internal/exact"
)

// What is sealed is JSON in which attributes are exact.

var personalDecoding = json.JoinOptions(
	json.RejectUnknownMembers(true),
	json.WithUnmarshalers(json.UnmarshalFromFunc(readAny)),
)

// personal goes through the members as event does, in the order of the type's fields.
func (f *form) personal(p *Personal) {
	f.open('{')
	some(f, "issuer", &p.Issuer)
	text(f, "subject", &p.Subject)
	texts(f, "groups", &p.Groups)
	if f.member("attributes", len(p.Attributes) > 0) {
		f.attributes(&p.Attributes)
	}
	texts(f, "bindings", &p.Bindings)
	some(f, "label", &p.Label)
	some(f, "reason", &p.Reason)
	some(f, "detail", &p.Detail)
	f.close('}')
}

func (f *form) attributes(v *map[string]any) {
	if f.reading {
		*v = f.cutObject()
		return
	}
	b, err := exact.AppendObject(f.written, *v)
	if err != nil {
		f.err = err
		return
	}
	f.written = b
}

// usualPersonal is the bytes that most people's fields fit into.
const usualPersonal = 512

// encodePersonal writes by hand, as encode does, what json.Marshal would, but for numbers.
func encodePersonal(p *Personal) ([]byte, error) {
	f := form{written: make([]byte, 0, usualPersonal)}
	f.personal(p)
	return f.written, f.err
}

// decodePersonal reads by hand what is in the form that encodePersonal writes, which takes half the time, and
// leaves all else to reflection.
func decodePersonal(text []byte, p *Personal) error {
	var read Personal
	f := form{reading: true, rest: string(text)}
	if f.personal(&read); f.err == nil && f.rest == "" {
		*p = read
		return nil
	}
	return json.Unmarshal(text, p, personalDecoding)
}

// cutValue reads what CEL knows, but for what is empty.
func (f *form) cutValue(v *any) {
	if f.nested++; f.rest == "" || f.nested > maxNesting {
		f.fail("malformed JSON")
		return
	}
	switch f.rest[0] {
	case '"':
		*v = f.cutText()
	case 't':
		f.cut("true")
		*v = true
	case 'f':
		f.cut("false")
		*v = false
	case '[':
		var list []any
		elements(f, &list, (*form).cutValue)
		*v = list
	case '{':
		*v = f.cutObject()
	default:
		*v = f.cutExact()
	}
	f.nested--
}

func (f *form) cutObject() map[string]any {
	object := make(map[string]any)
	f.open('{')
	for f.rest != "" && f.rest[0] != '}' {
		f.separate()
		name := f.cutText()
		if _, twice := object[name]; twice {
			f.fail("a member is repeated")
		}
		f.cut(":")
		var v any
		f.cutValue(&v)
		object[name] = v
	}
	f.close('}')
	return object
}

// cutExact reads a number that is written as it would be.
func (f *form) cutExact() any {
	text := f.rest[:max(0, strings.IndexAny(f.rest, ",]}"))]
	f.rest = f.rest[len(text):]
	n, err := exact.Number(text)
	if err == nil {
		var again []byte
		again, err = exact.Append(nil, n)
		if string(again) != text {
			f.fail("malformed number")
		}
	}
	if err != nil {
		f.fail(err.Error())
	}
	return n
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
