package audit

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// varied is an event whose members are drawn from a few values each, so that filters find some of them.
func varied(t *rapid.T) Event {
	pick := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(t, what) }
	e := sample(pick("subject", "ana", "ben"))
	e.Time = noon.Add(time.Duration(rapid.IntRange(-299, 299).Draw(t, "tenths")) * 100 * time.Millisecond) // out of order by less than maxDisorder
	e.Client, e.Rule = pick("client", "agent", "ag", "\"agent\""), pick("rule", "one", "two\n\"three\"")
	e.Outcome, e.Policy = Outcome(pick("outcome", "granted", "refused")), uint64(rapid.IntRange(1, 12).Draw(t, "policy"))
	e.Granted.Task, e.Granted.Lineage = pick("task", "t1", "t2"), []string{pick("ancestor", "a1", "a2")}
	e.Granted.Scope, e.Granted.Audience = []string{pick("scope", "a.read", "a.write")}, []string{pick("at", "urn:1", "urn:2")}
	switch pick("kind", "exchange", "revocation", "introspection_use") {
	case "revocation":
		e.Kind, e.Granted, e.Asked, e.SubjectToken = KindRevocation, nil, nil, nil
		e.Revoked = &Revoked{Kind: pick("revoked", "task", "token"), Selector: pick("selector", "t1", "a1"), Seq: 1}
	case "introspection_use":
		e.Kind, e.Granted, e.Asked, e.SubjectToken = KindUse, nil, nil, nil
		e.Used = &Used{Token: pick("used", "a1", "a2"), Task: pick("used for", "t1", "t2"), Limited: []string{"a2"}}
	}
	return e
}

func drawFilter(t *rapid.T) (f Filter) {
	maybe := func(what string, from ...string) string {
		return rapid.SampledFrom(append(from, "", "", "", "", "", "")).Draw(t, what)
	}
	f.Client, f.Rule, f.Task, f.Token = maybe("of client", "agent", "\"agent\""), maybe("of rule", "two\n\"three\""), maybe("of task", "t1"), maybe("of token", "a1", "a2")
	f.Scope, f.Resource = maybe("of scope", "a.read", "ai.deploy.manage"), maybe("of resource", "urn:1", "https://data.example.com")
	f.Kind, f.Outcome = Kind(maybe("of kind", "exchange", "revocation")), Outcome(maybe("of outcome", "granted"))
	f.Reason = maybe("of reason", "no_such_reason")
	if subject := maybe("of person", "ana", "nobody"); subject != "" {
		f.Person = Name{"corp", subject}
	}
	if rapid.IntRange(0, 5).Draw(t, "by policy") == 0 {
		f.Policy = uint64(rapid.IntRange(1, 3).Draw(t, "of policy"))
	}
	if rapid.IntRange(0, 2).Draw(t, "timed") == 0 {
		f.After = noon.Add(time.Duration(rapid.IntRange(-60, 60).Draw(t, "after")) * time.Second)
		f.Before = f.After.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "before")) * time.Second)
	}
	return f
}

// naive says the same of an opened event in the plainest way.
func naive(f Filter, e Event) bool {
	person := f.Person == (Name{})
	for _, p := range e.People {
		person = person || p.Issuer == f.Person.Issuer && p.Subject == f.Person.Subject
	}
	tasks, tokens, scopes, resources := []string{}, []string{}, []string{}, []string{}
	if g := e.Granted; g != nil {
		tasks, scopes, resources = append(tasks, g.Task), append(scopes, g.Scope...), append(resources, g.Audience...)
		tokens = append(append(tokens, g.Token), g.Lineage...)
		for _, r := range g.Reach {
			scopes, resources = append(scopes, r.Scope...), append(resources, r.Resource)
		}
	}
	if e.Asked != nil {
		scopes, resources = append(scopes, e.Asked.Scope...), append(resources, e.Asked.Resource...)
	}
	if e.SubjectToken != nil {
		tokens = append(tokens, e.SubjectToken.ID)
	}
	if e.Used != nil {
		tasks, tokens = append(tasks, e.Used.Task), append(append(tokens, e.Used.Token), e.Used.Limited...)
	}
	if r := e.Revoked; r != nil && r.Kind == "task" {
		tasks = append(tasks, r.Selector)
	} else if r != nil {
		tokens = append(tokens, r.Selector)
	}
	has := func(list []string, want string) bool { return want == "" || slices.Contains(list, want) }
	return person && has([]string{e.Client}, f.Client) && has([]string{e.Rule}, f.Rule) && has([]string{string(e.Kind)}, string(f.Kind)) &&
		has([]string{string(e.Outcome)}, string(f.Outcome)) && has([]string{e.Reason}, f.Reason) && (f.Policy == 0 || f.Policy == e.Policy) &&
		has(tasks, f.Task) && has(tokens, f.Token) && has(scopes, f.Scope) && has(resources, f.Resource) &&
		(f.After.IsZero() || !e.Time.Before(f.After)) && (f.Before.IsZero() || e.Time.Before(f.Before))
}

// vague is a guide that knows of the first entries only whether they have the first term, looks at few at a time, and
// names every third besides.
type vague struct {
	log   *Log
	known uint64
	step  uint64
}

func (v *vague) Narrow(ctx context.Context, terms []Term, in Range, backward bool, limit int) (named []uint64, looked Range) {
	if backward && in.High > v.known {
		return nil, Range{}
	}
	in.High = min(in.High, v.known)
	if backward {
		in.Low = max(in.Low, in.High-min(in.High, v.step))
	} else {
		in.High = min(in.High, in.Low+v.step)
	}
	if in.Empty() {
		return nil, Range{}
	}
	items, err := v.log.List(ctx, in.Low, int(in.High-in.Low))
	if err != nil {
		panic(err)
	}
	for _, item := range items {
		var s Sketch
		if s.Read(item.Bytes); s.has(terms[0]) || item.Index%3 == 0 {
			named = append(named, item.Index)
		}
	}
	if backward {
		slices.Reverse(named)
	}
	if len(named) > limit {
		panic("the test's guide is too simple for that")
	}
	return named, in
}

// walk is all pages of a search, one after the other.
func walk(t interface{ Fatalf(string, ...any) }, l *Log, q Query) (out []uint64) {
	for range 10_000 {
		page, err := l.Search(context.Background(), q)
		if err != nil {
			t.Fatalf("%v", err)
		}
		for _, f := range page.Found {
			out = append(out, f.Index)
		}
		if len(page.Found) > q.Limit {
			t.Fatalf("%d found, with a limit of %d", len(page.Found), q.Limit)
		}
		if !page.More {
			return out
		}
		q.From = page.Next
	}
	t.Fatalf("no end")
	return nil
}

// The pages of any search, one after the other, are just the entries that match, whatever their size and
// direction.
func TestPagesAreTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		l := open(t, newMemory())
		n := rapid.IntRange(0, 40).Draw(rt, "entries")
		for range n {
			record(t, l, varied(rt))
		}
		f, from := drawFilter(rt), uint64(rapid.IntRange(0, 45).Draw(rt, "from"))
		limit := rapid.IntRange(1, 50).Draw(rt, "limit")
		var forth, back []uint64
		for i := range uint64(n) {
			e, err := l.event(context.Background(), stored(t, l, i))
			if err != nil {
				rt.Fatal(err)
			}
			if naive(f, e) && i >= from {
				forth = append(forth, i)
			}
			if naive(f, e) && i <= from {
				back = append([]uint64{i}, back...)
			}
		}
		for _, guide := range []Guide{nil, &vague{l, uint64(rapid.IntRange(0, n).Draw(rt, "known")), uint64(rapid.IntRange(1, 9).Draw(rt, "at a time"))}} {
			if got := walk(rt, l, Query{Filter: f, From: from, Limit: limit, Guide: guide}); !slices.Equal(got, forth) {
				rt.Fatalf("%+v from %d: %v, want %v", f, from, got, forth)
			}
			if got := walk(rt, l, Query{Filter: f, From: from, Limit: limit, Backward: true, Guide: guide}); !slices.Equal(got, back) {
				rt.Fatalf("%+v back from %d: %v, want %v", f, from, got, back)
			}
		}
	})
}

// A search looks at so many entries and no more, and says that there are others.
func TestASearchIsBounded(t *testing.T) {
	t.Parallel()
	m := newMemory()
	l := open(t, m)
	rare := record(t, l, sample("ana"))
	entry := stored(t, l, record(t, l, Event{Kind: KindClock, Outcome: OutcomeDone, Time: noon}))
	m.fill(entry, 2*maxScanned)
	for _, q := range []Query{
		{Filter: Filter{Kind: KindPolicy}, Limit: 10},
		{Filter: Filter{Kind: KindPolicy}, Limit: 10, From: 1 << 40, Backward: true},
	} {
		page, err := l.Search(context.Background(), q)
		if err != nil || !page.More || len(page.Found) > 0 || page.Next < maxScanned*9/10 || page.Next > maxScanned*11/10 {
			t.Errorf("%+v: next %d, more %t, %v", q, page.Next, page.More, err)
		}
	}
	if got := walk(t, l, Query{Filter: Filter{Person: Name{"corp", "ana"}}, From: 1 << 40, Backward: true, Limit: 10}); !slices.Equal(got, []uint64{rare}) {
		t.Errorf("the rare one: %v", got)
	}
	page, err := l.Search(context.Background(), Query{Limit: 1 << 20})
	size := 0
	for _, f := range page.Found {
		size += len(f.Bytes)
	}
	if err != nil || size > maxFound+MaxEntry || !page.More {
		t.Errorf("%d bytes in a page, %v", size, err)
	}
}

func TestAnErasedPersonIsNotFound(t *testing.T) {
	t.Parallel()
	m := newMemory()
	l := open(t, m)
	record(t, l, sample("ana"))
	ana := Query{Filter: Filter{Person: Name{"corp", "ana"}}, Limit: 10}
	if got := walk(t, l, ana); len(got) != 1 {
		t.Fatalf("%v", got)
	}
	erase(t, l, Name{"corp", "ana"})
	if got := walk(t, l, ana); len(got) != 0 {
		t.Errorf("erased, and found: %v", got)
	}
	later := record(t, l, sample("ana")) // under a new key
	if got := walk(t, l, ana); !slices.Equal(got, []uint64{later}) {
		t.Errorf("under the new key: %v", got)
	}
	if got := walk(t, l, Query{Filter: Filter{Person: Name{"ci", "ana"}}, Limit: 10}); len(got) != 0 {
		t.Errorf("of another issuer: %v", got)
	}
}

// A decision has one entry, whatever else is asked for.
func TestAnEntryByItsDecision(t *testing.T) {
	t.Parallel()
	l := open(t, newMemory())
	for _, subject := range []string{"ana", "ben", "cem"} {
		record(t, l, sample(subject))
	}
	found, err := l.Entry(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	id := found.Decision
	other := id[:25] + "0"
	if other == id { // the last character has 3 bits
		other = id[:25] + "4"
	}
	for _, backward := range []bool{false, true} {
		for _, c := range []struct {
			f    Filter
			want []uint64
		}{
			{Filter{Decision: id}, []uint64{1}},
			{Filter{Decision: id, Kind: KindExchange}, []uint64{1}},
			{Filter{Decision: id, Kind: KindPolicy}, nil},
			{Filter{Decision: other}, nil},
			{Filter{Decision: "06g"}, nil},
		} {
			from := uint64(0)
			if backward {
				from = 1 << 40
			}
			if got := walk(t, l, Query{Filter: c.f, From: from, Limit: 2, Backward: backward}); !slices.Equal(got, c.want) {
				t.Errorf("%+v: %v, want %v", c.f, got, c.want)
			}
		}
	}
}

func TestAnEntryByItsIndex(t *testing.T) {
	t.Parallel()
	l := open(t, newMemory())
	index := record(t, l, sample("ana"))
	found, err := l.Entry(context.Background(), index)
	if err != nil || found.Index != index || found.People[0].Subject != "ana" {
		t.Errorf("%+v, %v", found, err)
	}
	for _, beyond := range []uint64{index + 1, 1 << 63, 1<<64 - 1} {
		if _, err := l.Entry(context.Background(), beyond); !errors.Is(err, ErrNotFound) {
			t.Errorf("entry %d: %v", beyond, err)
		}
	}
}

// Whoever waits for an entry wakes when it is durable, and not before.
func TestGrowthWakesWhoWaits(t *testing.T) {
	t.Parallel()
	l := open(t, newMemory())
	size := l.Size()
	next, after := l.Grown(size), l.Grown(size+1)
	select {
	case <-next:
		t.Fatal("woken by nothing")
	default:
	}
	record(t, l, sample("ana"))
	<-next
	<-after // worth another look
	if l.Size() != size+1 {
		t.Errorf("%d entries", l.Size())
	}
	<-l.Grown(size)
}
