package policy

import "testing"

func BenchmarkDecideFirst(b *testing.B) {
	p, req := platform(b), task()
	b.ReportAllocs()
	for b.Loop() {
		decide(b, p, req)
	}
}

func BenchmarkDecideChild(b *testing.B) {
	p := platform(b)
	req := child(b, decide(b, p, task()), 2, "research-agent", "research-agent", data, "ai.training.read")
	b.ReportAllocs()
	for b.Loop() {
		decide(b, p, req)
	}
}

func BenchmarkAgain(b *testing.B) {
	p := platform(b)
	d := decide(b, p, task())
	s := Standing{
		Principal: d.Principal, Bindings: d.Bindings,
		Hops: []Hop{
			{Client: "research-agent", Rule: d.Rule},
			{Client: "research-agent", Rule: d.Rule, Audience: []string{data}},
			{Client: "summarizer", Rule: "sub-agents take over from research agents", Audience: []string{data}},
		},
		Audience: []string{data}, Scope: []string{"ai.training.read"},
	}
	b.ReportAllocs()
	for b.Loop() {
		if usable, _ := p.Again(noon, s); usable.IsEmpty() {
			b.Fatal("nothing is left")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	source := platform(b).source
	for b.Loop() {
		if _, err := Compile(source, "platform.yaml", 1); err != nil {
			b.Fatal(err)
		}
	}
}
