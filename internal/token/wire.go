package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/whittle-sts/whittle/internal/exact"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

// The claims on the wire (docs/decisions/0001). Registered names are RFC 7519's, RFC 8693's and RFC
// 9068's; lineage, rev and evidence are ours.

// appendClaims writes the claims in one fixed order, with the evidence as given. A name that isn't
// UTF-8 has no spelling in JSON and is an error.
func appendClaims(b []byte, c *Claims, evidence []byte) ([]byte, error) {
	w := &claimWriter{b: b}
	w.string(`{"iss":`, c.Issuer)
	w.string(`,"sub":`, c.Subject.String())
	if len(c.Audience) == 1 {
		w.string(`,"aud":`, c.Audience[0])
	} else {
		w.list(`,"aud":`, c.Audience)
	}
	w.string(`,"client_id":`, c.ClientID)
	w.b = strconv.AppendInt(append(w.b, `,"iat":`...), c.IssuedAt.Unix(), 10)
	w.b = strconv.AppendInt(append(w.b, `,"exp":`...), c.Expires.Unix(), 10)
	w.id(`,"jti":`, c.ID)
	w.string(`,"scope":`, scope.Join(c.Scope))
	if c.Actor != nil {
		w.actor(`,"act":`, c.Actor)
	}
	w.id(`,"txn":`, c.Task)
	w.b = append(w.b, `,"lineage":[`...)
	for i, id := range c.Lineage {
		w.id([]string{"", ","}[min(i, 1)], id)
	}
	w.b = strconv.AppendUint(append(w.b, `],"rev":`...), c.Rev, 10)
	w.b = append(w.b, `,"evidence":"`...)
	w.b = base64.RawURLEncoding.AppendEncode(w.b, evidence)
	return append(w.b, `"}`...), w.err
}

// claimWriter appends members, each after what stands before its value.
type claimWriter struct {
	b   []byte
	err error
}

func (w *claimWriter) string(before, value string) {
	b, err := exact.AppendText(append(w.b, before...), value)
	if err != nil {
		w.err = fmt.Errorf("%w: a name is not UTF-8", ErrClaims)
		return
	}
	w.b = b
}

func (w *claimWriter) id(before string, id ID) {
	w.b = append(append(w.b, before...), '"')
	w.b = append(base64.RawURLEncoding.AppendEncode(w.b, id[:]), '"')
}

func (w *claimWriter) list(before string, list []string) {
	w.b = append(append(w.b, before...), '[')
	for i, s := range list {
		w.string([]string{"", ","}[min(i, 1)], s)
	}
	w.b = append(w.b, ']')
}

func (w *claimWriter) actor(before string, a *principal.Actor) {
	w.b = append(w.b, before...)
	w.string(`{"sub":`, a.Sub)
	if a.ClientID != "" {
		w.string(`,"client_id":`, a.ClientID)
	}
	if a.Act != nil {
		w.actor(`,"act":`, a.Act)
	}
	w.b = append(w.b, '}')
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
	for _, name := range []string{"lineage", "rev"} {
		if !set.Has(name) {
			r.note(fmt.Errorf("%s is missing", name))
		}
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
	if !c.IssuedAt.Before(c.Expires) {
		r.note(errors.New("exp is not after iat"))
	}
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
