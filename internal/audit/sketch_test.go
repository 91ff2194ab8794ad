package audit

import (
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// plainTerms is what a sketch should have, from the decoded event.
func plainTerms(t *testing.T, e Event) (out []string) {
	add := func(f Field, texts ...string) {
		for _, text := range texts {
			if text == "" {
				continue
			}
			quoted, err := jsontext.AppendQuote(nil, text)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(rune('A'+f))+string(quoted[1:len(quoted)-1]))
		}
	}
	add(FieldClient, e.Client)
	add(FieldKind, string(e.Kind))
	add(FieldOutcome, string(e.Outcome))
	add(FieldReason, e.Reason)
	add(FieldRule, e.Rule)
	if e.Policy != 0 {
		version, _ := json.Marshal(e.Policy)
		add(FieldPolicy, string(version))
	}
	for _, p := range e.People {
		add(FieldPerson, p.Key)
	}
	if e.Kind == KindPrivacy {
		add(FieldPerson, e.Change.ID)
	}
	if e.Uses != nil {
		for _, r := range e.Uses.Rows {
			add(FieldTask, r.Task)
			add(FieldToken, r.Token)
			add(FieldScope, r.Scope)
		}
	}
	for _, presented := range []*Token{e.SubjectToken, e.ActorToken} {
		if presented != nil {
			add(FieldToken, presented.ID)
		}
	}
	if a := e.Asked; a != nil {
		add(FieldScope, a.Scope...)
		add(FieldResource, append(a.Resource, a.Audience...)...)
	}
	if g := e.Granted; g != nil {
		add(FieldTask, g.Task)
		add(FieldToken, append(g.Lineage, g.Token)...)
		add(FieldScope, g.Scope...)
		add(FieldResource, g.Audience...)
		for _, r := range g.Reach {
			add(FieldResource, r.Resource)
			add(FieldScope, r.Scope...)
		}
	}
	if u := e.Used; u != nil {
		add(FieldTask, u.Task)
		add(FieldToken, append(u.Limited, u.Token)...)
	}
	if r := e.Revoked; r != nil && r.Kind == "task" {
		add(FieldTask, r.Selector)
	} else if r != nil && r.Kind == "token" {
		add(FieldToken, r.Selector)
	}
	return out
}

// A sketch has just what the decoded entry has.
func TestASketchIsTheEntrys(t *testing.T) {
	t.Parallel()
	l := open(t, newMemory())
	rapid.Check(t, func(rt *rapid.T) {
		event := varied(rt)
		switch rapid.IntRange(0, 3).Draw(rt, "besides") {
		case 0:
			event.Kind, event.Change = KindPrivacy, &Change{Action: "erased", ID: "whose"}
		case 1:
			event.Kind, event.Change = KindCredential, &Change{Action: "created", ID: "whose"}
		case 2:
			event.Uses = &Uses{Minute: noon, Rows: []Usage{{Client: "c", Count: 1, Scope: "s", Task: "t", Token: "k"}}}
		}
		event.ActorToken = &Token{ID: "actor"}
		event.Reason = "\\\"\\\\\"\n, {[é"
		entry := prepare(t, l, event)
		decoded, err := Decode(entry.bytes)
		if err != nil {
			rt.Fatal(err)
		}
		var s Sketch
		if !s.Read(entry.bytes) {
			rt.Fatalf("not read: %s", entry.bytes)
		}
		var got []string
		for _, term := range s.Terms {
			got = append(got, string(rune('A'+term.Field))+string(term.Text))
		}
		want := plainTerms(t, decoded)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			rt.Fatalf("%s:\n%q, want\n%q", entry.bytes, got, want)
		}
		if at, err := s.Time(); err != nil || !at.Equal(decoded.Time) {
			rt.Fatalf("%v, want %v, %v", at, decoded.Time, err)
		}
	})
}

// Whatever the bytes are, reading them ends, and what Decode takes is read.
func FuzzSketch(f *testing.F) {
	l := open(f, newMemory())
	whole := stored(f, l, record(f, l, sample("ana")))
	f.Add(whole)
	f.Add([]byte(`{"decision":"x","new":{"kind":[{"a":null},true,-1.5e3,"\\\""]}}`))
	f.Add([]byte(`{"a":[[[[[[[[[[[[[[[[[[[[[`))
	f.Fuzz(func(t *testing.T, entry []byte) {
		var s Sketch
		read := s.Read(entry)
		if _, err := Decode(entry); err == nil && !read {
			t.Errorf("an entry that isn't read: %s", entry)
		}
	})
}

func BenchmarkSketch(b *testing.B) {
	l := open(b, newMemory())
	entry := stored(b, l, record(b, l, sample("00u1ana")))
	var s Sketch
	b.ReportAllocs()
	for b.Loop() {
		if !s.Read(entry) {
			b.Fatal("not read")
		}
	}
}
