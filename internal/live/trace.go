package live

import (
	"slices"
	"strings"
	"time"

	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

// Skew is how far an outside issuer's clock may be off ours.
const Skew = time.Minute

// Trace is all that a token can be killed by, worked out once from its claims.
type Trace struct {
	rev    uint64
	issued int64 // Unix seconds, for an outside token; 0 for one of ours
	probes []probe
}

type probe struct {
	digest   digest
	place    uint8 // of its kind
	selector Selector
}

func probeOf(s Selector) probe { return probe{s.digest(), s.Kind.place(), s} }

// TraceOf is the trace of a token of ours, and of what else it rests on, such as the key that it was verified with.
func TraceOf(c *token.Claims, more ...Selector) Trace {
	e := &c.Evidence
	most := 4 + len(c.Lineage) + 2*len(e.Actors) + c.Actor.Depth() + len(e.Beyond) + 3*len(e.Hops) + len(e.Root.Groups) + len(more)
	t := Trace{rev: c.Rev, probes: make([]probe, 0, most)}
	t.add(OfToken(c.ID))
	for _, id := range c.Lineage {
		t.add(OfToken(id))
	}
	t.add(OfTask(c.Task))
	root := e.Root
	t.add(OfSubject(root.ID))
	if !root.IsClient() {
		t.add(OfIssuer(root.Issuer))
	}
	for _, actor := range e.Actors {
		t.add(OfSubject(actor))
		if !actor.IsClient() {
			t.add(OfIssuer(actor.Issuer))
		}
	}
	for actor := range c.Actor.All() { // of outside tokens, too, of whom the evidence has nothing
		t.add(OfSubject(actor))
	}
	for _, text := range e.Beyond { // which may be as many as groups
		kind, value, _ := strings.Cut(text, " ")
		t.probes = append(t.probes, probeOf(Selector{Kind(kind), value}))
	}
	for _, hop := range e.Hops {
		t.add(OfClient(hop.Client))
		t.add(OfSubject(principal.Client(hop.Client))) // who acts, though a rule may leave it out of `act`
		if hop.Key != "" {
			t.add(OfKey(hop.Key))
		}
	}
	for _, s := range more {
		t.add(s)
	}
	t.addGroups(root.Issuer, root.Groups)
	return t
}

// Beside lists what the token can be killed by besides the tokens that it comes from: what its descendants must be killed by too.
func (t Trace) Beside() []Selector {
	out := make([]Selector, 0, len(t.probes))
	for i := range t.probes {
		if s := t.probes[i].selector; s.Kind != Token {
			out = append(out, s)
		}
	}
	return out
}

// Lacks is those of the selectors that aren't in the trace, each once.
func (t Trace) Lacks(selectors []Selector) (out []Selector) {
	known := make(map[Selector]bool, len(t.probes)+len(selectors))
	for i := range t.probes {
		known[t.probes[i].selector] = true
	}
	for _, s := range selectors {
		if !known[s] {
			known[s], out = true, append(out, s)
		}
	}
	return out
}

// TraceOutside is the trace of an outside token with what it says of its principal. A token that
// doesn't say when it was issued is taken for as old as can be.
func TraceOutside(issued time.Time, issuer string, groups []string, selectors ...Selector) Trace {
	t := Trace{issued: max(1, issued.Unix())}
	for _, s := range selectors {
		t.add(s)
	}
	t.addGroups(issuer, groups)
	return t
}

// addGroups adds a principal's groups, of which there may be a thousand and each is there once: they aren't held against one
// another.
func (t *Trace) addGroups(issuer string, groups []string) {
	t.probes = slices.Grow(t.probes, len(groups))
	for _, group := range groups {
		t.probes = append(t.probes, probeOf(OfGroup(issuer, group)))
	}
}

func (t *Trace) add(s Selector) {
	for _, p := range t.probes {
		if p.selector == s {
			return
		}
	}
	t.probes = append(t.probes, probeOf(s))
}

// Killed says whether a revocation kills the token, and which. More is what it can be killed by beside its
// trace.
func (r *Revocations) Killed(t Trace, more ...Selector) (Selector, bool) {
	if r.live.Load() == 0 {
		return Selector{}, false
	}
	for i := range t.probes {
		p := &t.probes[i]
		m, ok := r.kinds[p.place].get(p.digest)
		if ok && m.kills(t, p.selector.Kind) {
			return p.selector, true
		}
	}
	for _, s := range more {
		if m, ok := r.find(s); ok && m.kills(t, s.Kind) {
			return s, true
		}
	}
	return Selector{}, false
}

// Kills is Killed of a token whose trace nobody has worked out yet: while nothing is revoked, nobody has
// to, which spares a new token 3 µs.
func (r *Revocations) Kills(c *token.Claims) (Selector, bool) {
	if r.live.Load() == 0 {
		return Selector{}, false
	}
	return r.Killed(TraceOf(c))
}

// Blocked says whether new tokens are refused for any of the selectors, and for which.
func (r *Revocations) Blocked(selectors ...Selector) (Selector, bool) {
	if r.live.Load() == 0 {
		return Selector{}, false
	}
	for _, s := range selectors {
		if m, ok := r.find(s); ok && m.block != 0 {
			return s, true
		}
	}
	return Selector{}, false
}

func (m mark) kills(t Trace, kind Kind) bool {
	switch {
	case m.block != 0, kind == Token:
		return true
	case t.issued != 0:
		return t.issued <= m.at+int64(Skew/time.Second)
	default:
		return t.rev < m.seq
	}
}
