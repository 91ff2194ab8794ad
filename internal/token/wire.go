package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

// The claims on the wire (docs/decisions/0001). Registered names are RFC 7519's, RFC 8693's and RFC
// 9068's; lineage, rev and evidence are ours.

// appendClaims writes the claims in one fixed order, with the evidence as given.
func appendClaims(b []byte, c *Claims, evidence []byte) []byte {
	b = append(b, '{')
	b = appendString(b, "iss", c.Issuer)
	b = appendString(append(b, ','), "sub", c.Subject.String())
	b = append(b, `,"aud":`...)
	if len(c.Audience) == 1 {
		b = quote(b, c.Audience[0])
	} else {
		b = appendList(b, c.Audience)
	}
	b = appendString(append(b, ','), "client_id", c.ClientID)
	b = strconv.AppendInt(append(b, `,"iat":`...), c.IssuedAt.Unix(), 10)
	b = strconv.AppendInt(append(b, `,"exp":`...), c.Expires.Unix(), 10)
	b = appendString(append(b, ','), "jti", c.ID.String())
	b = append(b, `,"scope":"`...) // the grammar of scopes leaves nothing to quote
	for i, name := range c.Scope {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, name...)
	}
	b = append(b, '"')
	if c.Actor != nil {
		b = appendActor(append(b, `,"act":`...), c.Actor)
	}
	b = appendString(append(b, ','), "txn", c.Task.String())
	b = append(b, `,"lineage":`...)
	ids := make([]string, 0, len(c.Lineage))
	for _, id := range c.Lineage {
		ids = append(ids, id.String())
	}
	b = appendList(b, ids)
	b = strconv.AppendUint(append(b, `,"rev":`...), c.Rev, 10)
	b = append(b, `,"evidence":"`...)
	b = base64.RawURLEncoding.AppendEncode(b, evidence)
	return append(b, `"}`...)
}

func quote(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil { // not UTF-8: what was read strictly can't be
		out, _ = jsontext.AppendQuote(b, "")
	}
	return out
}

func appendString(b []byte, name, value string) []byte {
	b = append(b, '"')
	b = append(b, name...)
	return quote(append(b, `":`...), value)
}

func appendList(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(b, s)
	}
	return append(b, ']')
}

func appendActor(b []byte, a *principal.Actor) []byte {
	b = appendString(append(b, '{'), "sub", a.Sub)
	if a.ClientID != "" {
		b = appendString(append(b, ','), "client_id", a.ClientID)
	}
	if a.Act != nil {
		b = appendActor(append(b, `,"act":`...), a.Act)
	}
	return append(b, '}')
}

// readClaims reads what appendClaims wrote, and gives the evidence as it stands there. Every claim
// that RFC 9068 section 2.2 wants must be there, and of the right type.
func readClaims(payload []byte) (*Claims, []byte, error) {
	set, err := ParseClaims(payload)
	if err != nil {
		return nil, nil, err
	}
	r := claimReader{set: set}
	c := &Claims{
		ID: r.id("jti"), Issuer: r.must("iss"), Subject: principal.ParseID(r.must("sub")),
		Audience: r.audience(), ClientID: r.must("client_id"), Scope: r.scope(),
		Task: r.id("txn"), IssuedAt: r.date("iat"), Expires: r.date("exp"),
	}
	act, err := set.Object("act")
	r.note(err)
	c.Actor, err = ReadActor(act)
	r.note(err)
	lineage, err := set.StringOrList("lineage")
	r.note(err)
	for _, s := range lineage {
		id, err := ParseID(s)
		r.note(err)
		c.Lineage = append(c.Lineage, id)
	}
	c.Rev, err = set.Uint("rev")
	r.note(err)
	evidence, err := strict.DecodeString(r.must("evidence"))
	r.note(err)
	if r.err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrClaims, r.err)
	}
	return c, evidence, nil
}

// claimReader remembers the first thing that is wrong.
type claimReader struct {
	set ClaimSet
	err error
}

func (r *claimReader) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *claimReader) must(name string) string {
	s, err := r.set.String(name)
	r.note(err)
	if s == "" {
		r.note(fmt.Errorf("%s is missing", name))
	}
	return s
}

func (r *claimReader) id(name string) ID {
	id, err := ParseID(r.must(name))
	r.note(err)
	return id
}

func (r *claimReader) date(name string) time.Time {
	t, err := r.set.NumericDate(name)
	r.note(err)
	if t.IsZero() {
		r.note(fmt.Errorf("%s is missing", name))
	}
	return t
}

func (r *claimReader) audience() []string {
	aud, err := r.set.StringOrList("aud")
	r.note(err)
	if len(aud) == 0 || slices.Contains(aud, "") {
		r.note(errors.New("aud is missing or names nothing"))
	}
	return aud
}

func (r *claimReader) scope() []string {
	names, err := scope.Parse(r.must("scope"))
	r.note(err)
	return names
}

// ReadActor reads an `act` claim (RFC 8693 section 4.1): objects only, at most
// [principal.MaxActors] of them, each with a subject. Members that don't identify are left out.
func ReadActor(act ClaimSet) (*principal.Actor, error) {
	var outermost *principal.Actor
	place := &outermost
	for depth := 0; act != nil; depth++ {
		if depth == principal.MaxActors {
			return nil, fmt.Errorf("act is nested deeper than %d", principal.MaxActors)
		}
		sub, err := act.String("sub")
		if err != nil {
			return nil, err
		}
		if sub == "" {
			return nil, errors.New("act has no sub")
		}
		client, err := act.String("client_id")
		if err != nil {
			return nil, err
		}
		*place = &principal.Actor{Sub: sub, ClientID: client}
		place = &(*place).Act
		if act, err = act.Object("act"); err != nil {
			return nil, err
		}
	}
	return outermost, nil
}
