package engine

import (
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

// What the audit log says of each operation. Tokens are named by their ids, people only in their
// sealed parts.

func (e *Engine) newDecision(now time.Time) (string, error) {
	return audit.NewDecision(now, e.random)
}

// event is the part that every entry of an exchange has.
func (x *exchange) event(outcome audit.Outcome) audit.Event {
	ev := audit.Event{
		Kind: x.kind, Outcome: outcome, Decision: x.decision,
		Client: x.caller.ID, Credential: x.caller.Credential, Wire: x.caller.Origin.Wire, From: x.caller.Origin.From(),
		Policy: x.view.Policy.Version(), Rev: x.rev, Asked: x.asked(),
		SubjectToken: x.subject.fact(), People: x.people(),
	}
	if x.actor != nil {
		ev.ActorToken = &audit.Token{
			ID: x.actor.id.String(), Issuer: x.actor.who.Issuer, Form: presented(x.actor.key), Key: x.actor.key, Expires: x.actor.expires,
		}
	}
	if x.verdict != nil {
		ev.Rule, ev.Removed = x.verdict.Rule, removals(x.verdict.Removed)
	}
	return ev
}

func (x *exchange) asked() *audit.Asked {
	r := &x.request
	return &audit.Asked{
		Resource: bounded(r.Resource, maxTargets, maxTarget), Audience: bounded(r.Audience, maxTargets, maxTarget),
		Scope: bounded(r.Scope, maxRecorded, scope.MaxName), Lifetime: uint32(max(0, min(r.Lifetime, narrow.MaxLifetime)) / time.Second),
		SubjectTokenType: known(r.SubjectTokenType), ActorTokenType: known(r.ActorTokenType),
		RequestedTokenType: known(r.RequestedTokenType),
	}
}

// What keeps an entry below its largest size, whatever a caller asks for or an issuer says of its
// people: a refusal that is too large for an entry would leave no trace.
const (
	maxRecorded   = 200     // things in one list
	maxListed     = 4 << 10 // bytes of one list, as it is written
	maxAttributes = 4 << 10 // bytes of a person's attributes
)

// bounded is the list as the record keeps it: what is too much is cut, and shows as such.
func bounded(list []string, most, longest int) []string {
	out, size := make([]string, 0, min(len(list), most)), 0
	for i, s := range list {
		s = plain(s, longest)
		if size += written(s); i == most || size > maxListed {
			return append(out, "(more)")
		}
		out = append(out, s)
	}
	return out
}

// plain is a text that can be written, and isn't too long.
func plain(s string, longest int) string {
	if len(s) > longest {
		return "(too long)"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// written is how long a text gets in JSON, quotes and a comma included.
func written(s string) int {
	size := len(`"",`) + len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\', '\b' <= c && c <= '\r' && c != '\v':
			size++ // behind a backslash
		case c < ' ':
			size += len(`u0000`)
		}
	}
	return size
}

// boundedAttributes is the attributes as the record keeps them, if there aren't too many.
func boundedAttributes(attributes map[string]any) map[string]any {
	if atMost(attributes) <= maxAttributes {
		return attributes
	}
	text, err := json.Marshal(attributes)
	if err != nil || len(text) > maxAttributes {
		return map[string]any{"(too long)": true}
	}
	return attributes
}

// atMost is more bytes than a value takes in JSON, without writing it: 3 µs less for a few attributes. What
// it doesn't know counts as too long.
func atMost(v any) int {
	const scalar = len("-9223372036854775808,") + len(".0e+000")
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return maxAttributes + 1 // JSON has no such number
		}
		return scalar
	case nil, bool, int64:
		return scalar
	case string:
		if !utf8.ValidString(v) {
			return maxAttributes + 1
		}
		return written(v)
	case []any:
		size := len("[],")
		for _, e := range v {
			size += atMost(e)
		}
		return size
	case map[string]any:
		size := len("{},")
		for name, e := range v {
			size += atMost(name) + atMost(e)
		}
		return size
	default:
		return maxAttributes + 1
	}
}

// known keeps what a caller made up out of the record.
func known(t TokenType) string {
	if t == "" || t.taken() {
		return string(t)
	}
	return "(other)"
}

// presented is the form of a token by what it was verified with: only an opaque one needs no key.
func presented(key string) string {
	if key == "" {
		return token.Opaque.String()
	}
	return token.JWT.String()
}

func (s *subject) fact() *audit.Token {
	if s.id == (token.ID{}) {
		return nil
	}
	fact := &audit.Token{ID: s.id.String(), Issuer: s.principal.Issuer, Form: presented(s.key), Key: s.key, Issued: s.issued, Expires: s.expires}
	if s.own != nil {
		fact.Issuer, fact.Client = "", s.own.ClientID
	}
	return fact
}

// people is whom the entry names: the subject with all that the decision read, and who acted.
func (x *exchange) people() []audit.Person {
	var out []audit.Person
	if who := x.subject.principal; who.Subject != "" {
		p := audit.Personal{Issuer: who.Issuer, Subject: who.Subject, Label: plain(x.request.TaskLabel, maxLabel)}
		if x.verdict != nil {
			who, p.Bindings = x.verdict.Principal, x.verdict.Bindings // with just what was read
		}
		p.Groups, p.Attributes = bounded(who.Groups, maxRecorded, maxTarget), boundedAttributes(who.Attributes)
		out = append(out, audit.Person{Role: audit.RoleSubject, Personal: p})
	}
	for _, id := range x.acting() {
		out = append(out, person(audit.RoleActor, id))
	}
	return out
}

// acting is who acts in or by the tokens that were presented, each once. The tokens of ours among them name who acted before in
// the entries of their own exchanges.
func (x *exchange) acting() (out []principal.ID) {
	if x.actor != nil {
		out = withEach([]principal.ID{x.actor.who}, slices.Collect(x.actor.chain.All()))
	}
	if x.subject.own == nil {
		out = withEach(out, slices.Collect(x.subject.chain.All()))
	}
	return out
}

func person(role audit.Role, id principal.ID) audit.Person {
	return audit.Person{Role: role, Personal: audit.Personal{Issuer: id.Issuer, Subject: id.Subject}}
}

// granted is the entry of an exchange that gave a token.
func (x *exchange) granted(c *token.Claims, form token.Form, uses narrow.Uses, kid string) audit.Event {
	ev := x.event(audit.OutcomeGranted)
	g := &audit.Granted{
		Token: c.ID.String(), Task: c.Task.String(), Form: form.String(), Scope: c.Scope, Expires: c.Expires,
		Depth: uint8(c.Evidence.Depth), Impersonates: x.verdict.Impersonate, Key: kid,
	}
	if !c.ExchangeOnly() {
		g.Audience = c.Audience
	}
	if uses != narrow.Unlimited {
		g.Uses = uint32(uses)
	}
	g.Lineage = make([]string, 0, len(c.Lineage))
	for _, id := range c.Lineage {
		g.Lineage = append(g.Lineage, id.String())
	}
	for _, r := range c.Evidence.Reach {
		g.Reach = append(g.Reach, audit.Reach{Resource: r.Resource, Scope: r.Scopes})
	}
	ev.Granted = g
	return ev
}

// refused puts a refusal on the record and names its decision in the answer.
func (x *exchange) refused(err error) error {
	fault := *Fault(err)
	ev := x.event(audit.OutcomeRefused)
	ev.Reason, ev.Detail = fault.reason, fault.detail
	if fault.rule != "" {
		ev.Rule, ev.Removed = fault.rule, removals(fault.removed)
	}
	x.engine.log.Refuse(ev)
	fault.Decision = x.decision
	return &fault
}

// refuse is refused for operations that aren't exchanges.
func (e *Engine) refuse(caller clientauth.Caller, kind audit.Kind, fault *Error) error {
	ev, err := e.administered(caller, kind)
	if err != nil {
		return err
	}
	ev.Outcome, ev.Reason, ev.Detail = audit.OutcomeRefused, fault.reason, fault.detail
	e.log.Refuse(ev)
	fault.Decision = ev.Decision
	return fault
}

// administered is the part that every entry of an administrative operation has.
func (e *Engine) administered(caller clientauth.Caller, kind audit.Kind) (audit.Event, error) {
	decision, err := e.newDecision(e.clock.Now())
	return audit.Event{
		Kind: kind, Outcome: audit.OutcomeDone, Decision: decision,
		Client: caller.ID, Credential: caller.Credential, Wire: caller.Origin.Wire, From: caller.Origin.From(),
		Policy: e.image.View().Policy.Version(), Rev: e.image.Revocations.Newest(),
	}, err
}

// used is the entry of a use of a use-limited token.
func (l *look) used(c *token.Claims, p audit.Purpose, useID string) (audit.Event, error) {
	ev, err := l.exercised(audit.KindUse, c, p)
	ev.Used = &audit.Used{Token: c.ID.String(), Task: c.Task.String(), UseID: useID}
	for _, id := range c.Evidence.Limited {
		ev.Used.Limited = append(ev.Used.Limited, id.String())
	}
	return ev, err
}

// exercised is the entry of a use that has one of its own.
func (l *look) exercised(kind audit.Kind, c *token.Claims, p audit.Purpose) (audit.Event, error) {
	ev, err := l.engine.administered(l.caller, kind)
	ev.Policy, ev.Rev = l.view.Policy.Version(), l.rev // that the use was judged by; there may be newer ones
	ev.Uses = &audit.Uses{Rows: []audit.Usage{l.bearer(c).Usage(p)}}
	ev.People = []audit.Person{person(audit.RoleSubject, c.Subject)}
	return ev, err
}

// bearer is the token as its uses by the looking caller are counted.
func (l *look) bearer(c *token.Claims) audit.Bearer {
	return audit.Bearer{Token: c.ID, Task: c.Task, Client: c.ClientID, Server: l.caller.ID}
}

func withRevocation(ev audit.Event, r store.Revocation) audit.Event {
	ev.Revoked = &audit.Revoked{Seq: r.Seq, Kind: r.Kind, Selector: r.Selector, Block: r.Block, Expires: r.Expires, Reason: r.Reason}
	if live.Kind(r.Kind) == live.Subject {
		p := person(audit.RoleSelector, principal.ParseID(r.Selector))
		p.Reason = r.Reason
		ev.Revoked.Selector, ev.Revoked.Reason = "", ""
		ev.People = []audit.Person{p}
	}
	return ev
}

func policyChange(p *policy.Policy, r store.Policy) *audit.Change {
	digest := p.Digest()
	return &audit.Change{Action: audit.ActionApplied, Version: r.Version, Digest: hex.EncodeToString(digest[:]), Note: r.Note}
}

func credentialChange(action string, c store.Credential) *audit.Change {
	return &audit.Change{Action: action, Client: c.Client, ID: c.ID, Expires: c.Expires}
}

func removals(list []policy.Removal) []audit.Removal {
	out, size := make([]audit.Removal, 0, min(len(list), maxRecorded)), 0
	for _, r := range list {
		size += written(r.Scope) + written(r.Resource) + written(r.Name) + written(r.By)
		if size > maxListed {
			return append(out, audit.Removal{Scope: "(more)", By: "(more)"})
		}
		out = append(out, audit.Removal{Scope: r.Scope, Resource: r.Resource, By: r.By, Name: r.Name})
	}
	return out
}

// changed is the entry of a change to the server's own state.
func (e *Engine) changed(caller clientauth.Caller, kind audit.Kind, change *audit.Change) (audit.Entry, error) {
	ev, err := e.administered(caller, kind)
	if err != nil {
		return audit.Entry{}, err
	}
	ev.Change = change
	return e.log.Prepare(ev)
}
