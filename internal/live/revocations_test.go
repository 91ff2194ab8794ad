package live

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func id(n byte) token.ID { return token.ID{n} }

// ana's token: minted at sequence 5 by the agent from an outside token, then narrowed once.
func anasToken() *token.Claims {
	return &token.Claims{
		ID: id(3), Lineage: []token.ID{id(1), id(2)}, Task: id(9), Rev: 5,
		Evidence: token.Evidence{
			Root:   principal.Principal{ID: principal.ID{Issuer: "corp", Subject: "ana"}, Groups: []string{"research"}},
			Actors: []principal.ID{{Issuer: "ci", Subject: "runner"}},
			Beyond: []string{"key ci/k9"},
			Hops: []token.Hop{
				{Token: id(2), Client: "agent", Key: "corp/k1"},
				{Token: id(3), Client: "summarizer", Key: "our-kid"},
			},
		},
	}
}

func durable(s Selector, seq uint64, block bool) store.Revocation {
	return store.Revocation{Seq: seq, Kind: string(s.Kind), Selector: s.Value, Block: block, At: noon}
}

func TestARevocationKillsWhatItSelects(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		selector Selector
		seq      uint64
		block    bool
		dead     bool
	}{
		"the token itself":                 {OfToken(id(3)), 1, false, true},
		"its parent":                       {OfToken(id(2)), 1, false, true},
		"its outside root":                 {OfToken(id(1)), 1, false, true},
		"a stranger's token":               {OfToken(id(4)), 9, false, false},
		"its task, later":                  {OfTask(id(9)), 6, false, true},
		"its task, earlier":                {OfTask(id(9)), 5, false, false},
		"its subject, later":               {OfSubject(principal.ID{Issuer: "corp", Subject: "ana"}), 6, false, true},
		"its subject, earlier":             {OfSubject(principal.ID{Issuer: "corp", Subject: "ana"}), 5, false, false},
		"its subject, earlier, blocked":    {OfSubject(principal.ID{Issuer: "corp", Subject: "ana"}), 5, true, true},
		"the same subject elsewhere":       {OfSubject(principal.ID{Issuer: "ci", Subject: "ana"}), 6, true, false},
		"an actor on the way":              {OfSubject(principal.ID{Issuer: "ci", Subject: "runner"}), 6, false, true},
		"the client of the first hop":      {OfClient("agent"), 6, false, true},
		"a client of no hop":               {OfClient("gateway"), 6, true, false},
		"the group it rests on":            {OfGroup("corp", "research"), 6, false, true},
		"that group of another issuer":     {OfGroup("ci", "research"), 6, true, false},
		"the issuer at its root":           {OfIssuer("corp"), 1, true, true},
		"the issuer of an actor":           {OfIssuer("ci"), 1, true, true},
		"the key of the outside token":     {OfKey("corp/k1"), 1, true, true},
		"the key that signed its parent":   {OfKey("our-kid"), 1, true, true},
		"the key of an actor token":        {OfKey("ci/k9"), 1, true, true},
		"another issuer's key of that kid": {OfKey("ci/k1"), 1, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRevocations()
			r.Apply(durable(tc.selector, tc.seq, tc.block))
			if _, dead := r.Killed(TraceOf(anasToken())); dead != tc.dead {
				t.Errorf("killed = %v, want %v", dead, tc.dead)
			}
		})
	}
}

func TestAnAnnouncedRevocationActsBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	r := newRevocations()
	r.Announce(OfClient("agent"), false, noon)
	fresh := anasToken()
	fresh.Rev = 1 << 40
	if _, dead := r.Killed(TraceOf(fresh)); !dead {
		t.Error("a token minted while the revocation was written lives")
	}
	if r.Newest() != 0 {
		t.Errorf("newest = %d before anything was durable", r.Newest())
	}
	r.Apply(durable(OfClient("agent"), 6, false))
	fresh.Rev = 6
	if _, dead := r.Killed(TraceOf(fresh)); dead {
		t.Error("a token minted after the revocation was answered is dead")
	}
	if r.Newest() != 6 {
		t.Errorf("newest = %d, want 6", r.Newest())
	}
}

func TestLiftingABlockRevivesNothing(t *testing.T) {
	t.Parallel()
	r := newRevocations()
	agent := OfClient("agent")
	r.Apply(durable(agent, 6, true))
	r.Apply(durable(agent, 7, false)) // a plain revocation does not end the block
	if _, blocked := r.Blocked(agent); !blocked {
		t.Fatal("a later plain revocation ended the block")
	}
	r.Lift(durable(agent, 8, false))
	if _, blocked := r.Blocked(agent); blocked {
		t.Error("still blocked after it was lifted")
	}
	old, fresh := anasToken(), anasToken()
	old.Rev, fresh.Rev = 7, 8
	if _, dead := r.Killed(TraceOf(old)); !dead {
		t.Error("lifting the block revived a token")
	}
	if _, dead := r.Killed(TraceOf(fresh)); dead {
		t.Error("a token minted after the block was lifted is dead")
	}
}

// The callers of two revocations may come back in another order than that of their commits.
func TestALaterBlockSurvivesAnEarlierLift(t *testing.T) {
	t.Parallel()
	agent := OfClient("agent")
	for name, steps := range map[string][]func(*Revocations){
		"announced before the lift": {
			func(r *Revocations) { r.Announce(agent, true, noon) },
			func(r *Revocations) { r.Lift(durable(agent, 8, false)) },
			func(r *Revocations) { r.Apply(durable(agent, 9, true)) },
		},
		"applied before the lift": {
			func(r *Revocations) { r.Announce(agent, true, noon) },
			func(r *Revocations) { r.Apply(durable(agent, 9, true)) },
			func(r *Revocations) { r.Lift(durable(agent, 8, false)) },
		},
	} {
		r := newRevocations()
		r.Apply(durable(agent, 6, true))
		for _, step := range steps {
			step(r)
		}
		if _, blocked := r.Blocked(agent); !blocked {
			t.Errorf("%s: an earlier unblocking ended a later block", name)
		}
		r.Lift(durable(agent, 10, false))
		if _, blocked := r.Blocked(agent); blocked {
			t.Errorf("%s: still blocked after it was lifted", name)
		}
	}
}

func TestOnlyWhatIsOnTheDiskIsDurable(t *testing.T) {
	t.Parallel()
	r, one := newRevocations(), OfToken(id(1))
	if r.Durable(one, time.Time{}) {
		t.Error("durable before it was asked for")
	}
	r.Announce(one, false, noon)
	if r.Durable(one, time.Time{}) {
		t.Error("durable when only announced")
	}
	r.Apply(durable(one, 1, false))
	if !r.Durable(one, noon.Add(time.Hour)) {
		t.Error("not durable after its commit")
	}
	other := durable(OfToken(id(2)), 2, false)
	other.Expires = noon.Add(time.Hour)
	r.Apply(other)
	if two := OfToken(id(2)); !r.Durable(two, other.Expires) || r.Durable(two, other.Expires.Add(time.Second)) {
		t.Error("it isn't durable until it ends, and no longer")
	}
	r.Announce(one, false, noon)
	if r.Durable(one, time.Time{}) {
		t.Error("durable though a newer one is on its way")
	}
}

func TestAnOutsideTokenDiesByItsAge(t *testing.T) {
	t.Parallel()
	ana := OfSubject(principal.ID{Issuer: "corp", Subject: "ana"})
	r := newRevocations()
	r.Apply(durable(ana, 1, false))
	for name, tc := range map[string]struct {
		issued time.Time
		dead   bool
	}{
		"issued before":              {noon.Add(-time.Hour), true},
		"issued within the skew":     {noon.Add(Skew), true},
		"issued after the skew":      {noon.Add(Skew + time.Second), false},
		"doesn't say when":           {time.Time{}, true},
		"says a time before history": {time.Unix(-5, 0), true},
	} {
		if _, dead := r.Killed(TraceOutside(tc.issued, "corp", nil, ana)); dead != tc.dead {
			t.Errorf("%s: killed = %v, want %v", name, dead, tc.dead)
		}
	}
}

func TestForgettingDropsOnlyWhatHasEnded(t *testing.T) {
	t.Parallel()
	r := newRevocations()
	ended, blocked := durable(OfToken(id(1)), 1, false), durable(OfClient("agent"), 2, true)
	ended.Expires = noon
	r.Apply(ended)
	r.Apply(blocked)
	r.Forget(noon)
	if r.Len() != 2 {
		t.Fatalf("%d left at the moment of the end, want 2", r.Len())
	}
	r.Forget(noon.Add(time.Second))
	if _, dead := r.Killed(TraceOf(anasToken())); r.Len() != 1 || !dead {
		t.Errorf("%d left, killed = %v; want the block alone", r.Len(), dead)
	}
}

// Whoever reads the sequence and then looks has seen every revocation up to it.
func TestTheSequenceNeverRunsAheadOfTheMaps(t *testing.T) {
	t.Parallel()
	const last = 2000
	r := newRevocations()
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for seq := w + 1; seq <= last; seq += 4 {
				r.Announce(OfToken(token.ID{byte(seq), byte(seq >> 8)}), false, noon)
			}
		})
	}
	writers.Go(func() {
		for seq := 1; seq <= last; seq++ {
			r.Apply(durable(OfToken(token.ID{byte(seq), byte(seq >> 8)}), uint64(seq), false))
		}
	})
	for n := uint64(0); n < last; n = r.Newest() {
		if n == 0 {
			continue
		}
		c := &token.Claims{ID: token.ID{byte(n), byte(n >> 8)}}
		if _, dead := r.Killed(TraceOf(c)); !dead {
			t.Fatalf("revocation %d is not seen after the sequence said so", n)
		}
	}
	writers.Wait()
}

// Many who announce at once don't get beyond the share, and what is announced and then durable counts once.
func TestAShareIsExact(t *testing.T) {
	const most = 50
	r := newRevocations()
	var done sync.WaitGroup
	var taken atomic.Int64
	for i := range 20 * most {
		done.Go(func() {
			s := Selector{Token, strconv.Itoa(i)}
			if _, ok := r.AnnounceOwn(s, "agent", most, time.Unix(100, 0)); ok {
				taken.Add(1)
				r.Announce(s, false, time.Unix(100, 0))
				r.Apply(store.Revocation{Kind: "token", Selector: s.Value, Seq: uint64(i + 1), By: "agent", At: time.Unix(100, 0), Expires: time.Unix(int64(1000+i), 0)})
			}
		})
	}
	done.Wait()
	if n := taken.Load(); n > most || r.Len() != int(n) || r.shares.at(r.shares.of("agent")).live.Load() != n {
		t.Errorf("%d were taken, %d live, %d counted", n, r.Len(), r.shares.at(r.shares.of("agent")).live.Load())
	}
	for i := taken.Load(); i < most; i++ { // a refusal may come a moment too early, never for good
		if _, ok := r.AnnounceOwn(Selector{Token, "late" + strconv.FormatInt(i, 10)}, "agent", most, time.Unix(100, 0)); !ok {
			t.Fatal("there was room")
		}
	}
	if _, ok := r.AnnounceOwn(Selector{Token, "one more"}, "agent", most, time.Unix(100, 0)); ok {
		t.Error("one too many")
	}
	if _, ok := r.AnnounceOwn(Selector{Token, "another's"}, "summarizer", most, time.Unix(100, 0)); !ok {
		t.Error("another client has its own share")
	}
	r.Forget(time.Unix(1_000_000, 0))
	if n := r.shares.at(r.shares.of("agent")).live.Load(); n != most-taken.Load() {
		t.Errorf("%d counted of what is only announced", n)
	}
}

// What acts and isn't durable is known, since when it first does, until it is.
func TestWhatIsAwaitedIsKnown(t *testing.T) {
	t.Parallel()
	r := newRevocations()
	expect := func(when string, count int, since time.Time) {
		t.Helper()
		if n, at := r.Awaited(); n != count || !at.Equal(since) {
			t.Errorf("%s: %d since %v", when, n, at)
		}
	}
	expect("nothing", 0, time.Time{})
	r.Announce(OfClient("agent"), false, noon.Add(time.Second))
	r.Announce(OfTask(id(9)), true, noon)
	r.Announce(OfTask(id(9)), true, noon.Add(time.Hour)) // asked again
	if _, ok := r.AnnounceOwn(OfToken(id(3)), "agent", 1, noon.Add(time.Minute)); !ok {
		t.Fatal("no share")
	}
	expect("three", 3, noon)
	r.Apply(durable(OfTask(id(9)), 1, true))
	expect("one is durable", 2, noon.Add(time.Second))
	r.Apply(durable(OfClient("other"), 2, false)) // never announced here
	r.Apply(durable(OfClient("agent"), 3, false))
	r.Apply(durable(OfToken(id(3)), 4, false))
	expect("all are", 0, time.Time{})
	r.Announce(OfClient("agent"), true, noon) // a block on top
	r.Lift(durable(OfClient("agent"), 5, false))
	expect("a block that was lifted", 0, time.Time{})
}
