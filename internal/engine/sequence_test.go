package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

var sequences = flag.Int("engine.sequences", 0, "how many sequences of exchanges TestT54_NoSequenceWidens plays; 0: a short run")

// version is one plan with the policy that it compiles to.
type version struct {
	plan
	policy *policy.Policy
}

// histories are policies that follow one another, each a little different from the one before it.
func histories(t *testing.T, count, length int) [][]version {
	r := mathrand.New(mathrand.NewPCG(8693, 54))
	out := make([][]version, count)
	for i := range out {
		p := drawPlan(r)
		for n := range length {
			compiled, err := policy.Compile([]byte(p.yaml()), "plan", uint64(n+1))
			if err != nil {
				t.Fatalf("%v\n%s", err, p.yaml())
			}
			out[i] = append(out[i], version{p, compiled})
			p = p.vary(r)
		}
	}
	return out
}

// mintedToken is a token with what the second implementation thinks of it.
type mintedToken struct {
	claims *token.Claims
	naive  *held
	usable pairs // at its mint
}

// player plays one sequence against the engine's own phases, without a store.
type player struct {
	*rapid.T
	engine  *Engine
	history []version
	current int // the policy in force
	now     time.Time
	tokens  []mintedToken
	left    map[token.ID]int // of counted tokens
}

// No sequence of exchanges, whatever the policies in between, widens anything; and each grants exactly
// what the second implementation grants.
func TestT54_NoSequenceWidens(t *testing.T) {
	count, length := 12, 6
	if *sequences > 0 {
		count, length = 400, 8
		if err := flag.Set("rapid.checks", strconv.Itoa(*sequences)); err != nil {
			t.Fatal(err)
		}
	}
	all := histories(t, count, length)
	e := &Engine{issuer: self, random: rand.Reader, minter: token.NewMinter(self, rand.Reader)}
	granted, refused, deep := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		p := &player{
			T: rt, engine: e, history: all[rapid.IntRange(0, len(all)-1).Draw(rt, "history")],
			now: time.Unix(1_800_000_000, 0).UTC(), left: map[token.ID]int{},
		}
		for range rapid.IntRange(3, 10).Draw(rt, "steps") {
			p.now = p.now.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(rt, "ms")) * time.Millisecond)
			if rapid.IntRange(0, 5).Draw(rt, "what") == 0 {
				p.use()
			} else if p.exchange() {
				granted++
			} else {
				refused++
			}
			p.lookAnew()
		}
		for _, m := range p.tokens {
			if len(m.claims.Evidence.Hops) > 1 {
				deep++
			}
		}
	})
	t.Logf("%d exchanges were granted, %d of them of our own tokens, and %d refused", granted, deep, refused)
	if deep < refused/50 {
		t.Error("too few exchanges were granted for this to say anything")
	}
}

func (p *player) some(list []string, label string) []string {
	mask := rapid.IntRange(0, 1<<len(list)-1).Draw(p.T, label)
	var out []string
	for i, s := range list {
		if mask&(1<<i) != 0 {
			out = append(out, s)
		}
	}
	return out
}

// wanted is one scope mostly, else any or none.
func (p *player) wanted() []string {
	if rapid.IntRange(0, 3).Draw(p.T, "how many scopes") == 0 {
		return p.some(planScopes, "scopes")
	}
	return []string{rapid.SampledFrom(planScopes).Draw(p.T, "scope")}
}

// exchange trades an outside token or one of the tokens so far, and says whether that was granted.
func (p *player) exchange() bool {
	if rapid.IntRange(0, 3).Draw(p.T, "policy changes") == 0 {
		p.current = rapid.IntRange(0, len(p.history)-1).Draw(p.T, "policy")
	}
	v := p.history[p.current]
	w := wish{
		client: rapid.SampledFrom(planClients).Draw(p.T, "client"), scopes: p.wanted(),
		lifetime: time.Duration(rapid.IntRange(0, 3).Draw(p.T, "lifetime")) * 50 * time.Second,
	}
	switch rapid.IntRange(0, 3).Draw(p.T, "targets") {
	case 0, 1:
		w.resources = []string{rapid.SampledFrom(planResources).Draw(p.T, "resource")}
	case 2:
		w.resources = p.some(planResources, "resources")
	}
	var parent *mintedToken
	if i := len(p.tokens) - 1 - rapid.IntRange(0, 2).Draw(p.T, "subject"); i >= 0 && p.tokens[i].claims.LiveAt(p.now) {
		parent = &p.tokens[i]
		p.likely(&w, parent.claims)
	}
	x := &exchange{
		engine: p.engine, caller: clientauth.Caller{ID: w.client}, view: &live.View{Policy: v.policy}, now: p.now,
		request: ExchangeRequest{Scope: w.scopes, Lifetime: w.lifetime}, resources: w.resources,
	}
	acting, uses := p.acting(), -1
	if acting != nil {
		uses = p.usesLeft(acting.Claims)
		x.actor = ownActor(acting)
		x.actor.uses = counted(uses)
	}
	var want *held
	if parent != nil {
		c, left := parent.claims, p.usesLeft(parent.claims)
		if left == 0 {
			return false
		}
		x.subject = subject{principal: c.Evidence.Root, id: c.ID, own: c, chain: c.Actor, expires: c.Expires, reach: (&verified{Claims: c}).reachNow(v.policy, p.now), uses: counted(left)}
		want = v.grant(p.now, nil, parent.naive, x.actor.until(c.Expires), fewer(left, uses), w)
	} else {
		groups := p.some(planGroups[1:], "groups")
		end := p.now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(p.T, "outside life")) * time.Second)
		x.subject = subject{principal: ana(groups), id: token.ID{1}, chain: p.someone(), expires: end}
		want = v.grant(p.now, groups, nil, x.actor.until(end), uses, w)
	}
	got := p.mint(x)
	if (got == nil) != (want == nil) {
		p.Fatalf("granted: %v, by the second implementation: %v (%+v)\n%s", got != nil, want != nil, w, v.yaml())
	}
	if got == nil {
		return false
	}
	made := mintedToken{claims: got, naive: want, usable: product(audienceOf(got), got.Scope)}
	p.compare(made, v)
	for who := range x.subject.chain.All() {
		if !slices.Contains(live.TraceOf(got).Beside(), live.OfSubject(who)) {
			p.Fatalf("%s acts in the token and doesn't end it", who)
		}
	}
	if parent != nil {
		p.narrower(made, parent, v)
		p.diesWith(got, parent.claims)
	}
	if acting != nil {
		p.diesWith(got, acting.Claims)
	}
	bounds, _ := x.grant.Bounds()
	if bounds.Uses != counted(want.uses) {
		p.Fatalf("may be used %d times, by the second implementation %d", bounds.Uses, want.uses)
	}
	if bounds.Uses != narrow.Unlimited {
		p.left[got.ID] = want.uses
	}
	p.countsFor(got)
	p.tokens = append(p.tokens, made)
	return true
}

// acting is one of the tokens so far, to act by; mostly nil.
func (p *player) acting() *verified {
	if len(p.tokens) == 0 || rapid.IntRange(0, 3).Draw(p.T, "acts by a token") > 0 {
		return nil
	}
	c := rapid.SampledFrom(p.tokens).Draw(p.T, "acts").claims
	if !c.LiveAt(p.now) || p.usesLeft(c) == 0 {
		return nil
	}
	v := &verified{}
	v.of(c, 0)
	return v
}

// someone acts in an outside token already; mostly nil.
func (p *player) someone() *principal.Actor {
	if rapid.IntRange(0, 3).Draw(p.T, "acted in") > 0 {
		return nil
	}
	return &principal.Actor{Sub: "corp:bot", Act: &principal.Actor{Sub: "corp:" + rapid.SampledFrom([]string{"ben", "ana"}).Draw(p.T, "acted before")}}
}

// diesWith holds that whatever kills the ancestor kills the token.
func (p *player) diesWith(c, ancestor *token.Claims) {
	mine := live.TraceOf(c).Beside()
	for _, s := range live.TraceOf(ancestor).Beside() {
		if !slices.Contains(mine, s) {
			p.Fatalf("%s kills the token that was traded, and not this one: %v", s, mine)
		}
	}
	if !slices.Contains(c.Lineage, ancestor.ID) {
		p.Fatalf("%v isn't in the lineage %v", ancestor.ID, c.Lineage)
	}
}

// countsFor holds that a use of the token is one of itself and of each counted token that it comes from, by whichever way, so
// that it ends with the last of theirs.
func (p *player) countsFor(c *token.Claims) {
	var want []token.ID
	for _, id := range append(slices.Clone(c.Lineage), c.ID) {
		if _, limited := p.left[id]; limited && !slices.Contains(want, id) {
			want = append(want, id)
		}
	}
	if got := slices.Clone(c.Evidence.Limited); !slices.Equal(sorted(got), sorted(want)) {
		p.Fatalf("a use is one of %v, not of %v", got, want)
	}
}

func sorted(ids []token.ID) []token.ID {
	slices.SortFunc(ids, func(a, b token.ID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// likely makes most wishes such that the token could give what is wished for.
func (p *player) likely(w *wish, c *token.Claims) {
	if rapid.IntRange(0, 3).Draw(p.T, "other client") > 0 {
		w.client = c.ClientID
	}
	if rapid.IntRange(0, 3).Draw(p.T, "other wish") > 0 {
		e := rapid.SampledFrom(c.Evidence.Reach).Draw(p.T, "of its reach")
		w.scopes = []string{rapid.SampledFrom(e.Scopes).Draw(p.T, "scope of its reach")}
		if len(w.resources) > 0 {
			w.resources = []string{e.Resource}
		}
	}
}

// mint runs the engine's phases from the decision to the draft, and mints.
func (p *player) mint(x *exchange) *token.Claims {
	for _, phase := range []func(context.Context) error{x.decide, x.narrow, x.draftToken} {
		if phase(context.Background()) != nil {
			return nil
		}
	}
	_, claims, _, err := p.engine.minter.MintOpaque(x.draft)
	if err != nil {
		return nil
	}
	return claims
}

// use takes one use of a token and of each limited ancestor, if there is one left.
func (p *player) use() {
	if len(p.tokens) == 0 {
		return
	}
	c := rapid.SampledFrom(p.tokens).Draw(p.T, "used").claims
	if p.usesLeft(c) <= 0 {
		return
	}
	for _, id := range c.Evidence.Limited {
		p.left[id]--
	}
	for _, m := range p.tokens {
		if p.usesLeft(c) == 0 && slices.Contains(m.claims.Lineage, c.ID) && p.usesLeft(m.claims) != 0 {
			p.Fatalf("a token is used up, and what comes of it can be used %d times", p.usesLeft(m.claims))
		}
	}
}

// fewer is the least of two counts; -1: not counted.
func fewer(a, b int) int {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// counted is the count as the engine has it.
func counted(uses int) narrow.Uses {
	if uses < 0 {
		return narrow.Unlimited
	}
	return narrow.Uses(uses)
}

// usesLeft is the least of the counters; -1: not counted.
func (p *player) usesLeft(c *token.Claims) int {
	left := -1
	for _, id := range c.Evidence.Limited {
		left = fewer(left, p.left[id])
	}
	return left
}

// lookAnew holds what today's policy leaves of a token to what it had at its mint, and to the second
// implementation.
func (p *player) lookAnew() {
	if len(p.tokens) == 0 {
		return
	}
	m := rapid.SampledFrom(p.tokens).Draw(p.T, "looked at")
	v := p.history[rapid.IntRange(0, len(p.history)-1).Draw(p.T, "policy of the look")]
	if !m.claims.ExchangeOnly() {
		now := pairs{}
		usable, _ := (&verified{Claims: m.claims}).usableNow(v.policy, p.now)
		for _, e := range usable.List() {
			for _, s := range e.Scopes.Names() {
				now[pair{e.Resource, s}] = true
			}
		}
		want := v.still(m.naive, m.usable, true)
		if !now.within(m.usable) || !now.within(want) || !want.within(now) {
			p.Fatalf("usable %v, by the second implementation %v, at its mint %v\n%s", now, want, m.usable, v.yaml())
		}
	}
	now := pairs{}
	for _, e := range (&verified{Claims: m.claims}).reachNow(v.policy, p.now).List() {
		for _, s := range e.Scopes.Names() {
			now[pair{e.Resource, s}] = true
		}
	}
	if want := v.still(m.naive, m.naive.reach, false); !now.within(want) || !want.within(now) {
		p.Fatalf("reaches %v, by the second implementation %v", now, fmt.Sprint(want))
	}
}
