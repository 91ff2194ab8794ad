package guard_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/guard"
)

func well(context.Context) error { return nil }

// idOf runs one good call with the traceparent and answers the id that the caller is told.
func idOf(t *testing.T, g *guard.Guard, traceparent string) string {
	t.Helper()
	r := by("agent", exchange)
	r.Trace = traceparent
	if err := g.Do(context.Background(), r, well); err != nil {
		t.Fatal(err)
	}
	return r.Envelope.(*envelope).told
}

func TestARequestIsCalledAsItsTraceIfItHasOne(t *testing.T) {
	g := (&porch{}).guard(t)
	const id = "0af7651916cd43dd8448eb211c80319c"
	for _, good := range []string{"00-" + id + "-b7ad6b7169203331-00", "00-" + id + "-b7ad6b7169203331-01", "cc-" + id + "-b7ad6b7169203331-01-later"} {
		if got := idOf(t, g, good); got != id {
			t.Errorf("%s: %s", good, got)
		}
	}
	seen := make(map[string]bool)
	for _, bad := range []string{
		"", "x", id, "00-" + id, "ff-" + id + "-b7ad6b7169203331-01", "00-" + id + "-b7ad6b7169203331-01-more",
		"00-" + strings.ToUpper(id) + "-b7ad6b7169203331-01", "00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01",
		"00-" + id + "-0000000000000000-01", "00-" + id[:31] + "\n-b7ad6b7169203331-01", strings.Repeat("0", 1<<16),
	} {
		got := idOf(t, g, bad)
		if len(got) != 32 || got == id || seen[got] || strings.Trim(got, "0123456789abcdef") != "" {
			t.Errorf("%.60q: %q", bad, got)
		}
		seen[got] = true
	}
}

// An id that stands nowhere else is told to nobody: telling it would be a tenth of what a look costs.
func TestALookHasAnIDIfThereIsSomethingToFindByIt(t *testing.T) {
	const looks, trace = "/whittle.v1.IntrospectionService/Introspect", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, c := range map[string]struct {
		method, trace string
		sample        int
		err           error
		told          bool
	}{
		"a good look":                  {method: looks},
		"a look that failed":           {method: looks, err: engine.Refuse(engine.InvalidRequest, "shape", "no"), told: true},
		"a look where some are logged": {method: looks, sample: 1000, told: true},
		"a look with a trace":          {method: looks, trace: trace, told: true},
		"an exchange":                  {method: exchange, told: true},
	} {
		p := &porch{}
		config := p.config()
		config.Sample = c.sample
		g, err := guard.New(config)
		if err != nil {
			t.Fatal(err)
		}
		r := by("agent", c.method)
		r.Trace = c.trace
		_ = g.Do(context.Background(), r, func(context.Context) error { return c.err })
		id := r.Envelope.(*envelope).told
		if (id != "") != c.told {
			t.Errorf("%s: told %q", name, id)
		}
		if c.err != nil && !strings.Contains(p.log.String(), "request="+id) {
			t.Errorf("%s: the log calls it otherwise than %s: %s", name, id, &p.log)
		}
	}
}

func TestGoodAnswersAreLoggedBySample(t *testing.T) {
	for sample, want := range map[int]int{0: 0, 1: 100, 10: 10} {
		p := &porch{}
		c := p.config()
		c.Sample = sample
		g, err := guard.New(c)
		if err != nil {
			t.Fatal(err)
		}
		id := ""
		for range 100 {
			id = idOf(t, g, "")
		}
		if got := strings.Count(p.log.String(), "request answered"); got != want || want > 0 && !strings.Contains(p.log.String(), "request="+id) {
			t.Errorf("one in %d: %d lines", sample, got)
		}
	}
}

// Whoever asks for refusals as fast as can be gets a line for the first of them, and the log says how
// many it left out.
func TestRefusalsDontFloodTheLog(t *testing.T) {
	p := &porch{}
	g := p.guard(t)
	refused := func(context.Context) error { return engine.Refuse(engine.NotFound, "x", "y") }
	for range 5000 {
		_ = g.Do(context.Background(), by("agent", exchange), refused)
	}
	if n := strings.Count(p.log.String(), "\n"); n == 0 || n > 100 {
		t.Errorf("%d lines", n)
	}
	p.now = p.now.Add(time.Minute)
	_ = g.Do(context.Background(), by("agent", exchange), refused)
	if !strings.Contains(p.log.String(), "refusals_not_shown=4900") {
		t.Error("nobody is told of the others")
	}
}

// What a traced request costs shows beside what one costs that isn't.
func BenchmarkDo(b *testing.B) {
	for _, traced := range []bool{false, true} {
		name := map[bool]string{false: "untraced", true: "traced"}[traced]
		b.Run(name, func(b *testing.B) {
			c := new(porch).config()
			if traced {
				c.Tracer = noop.NewTracerProvider().Tracer("")
			}
			g, err := guard.New(c)
			if err != nil {
				b.Fatal(err)
			}
			r := by("agent", "/whittle.v1.IntrospectionService/Introspect")
			b.ReportAllocs()
			for b.Loop() {
				_ = g.Do(context.Background(), r, well)
			}
		})
	}
}
