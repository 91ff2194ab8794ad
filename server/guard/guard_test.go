package guard_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
	"github.com/whittle-sts/whittle/server/fault"
	"github.com/whittle-sts/whittle/server/guard"
	"github.com/whittle-sts/whittle/server/rpc"
)

const exchange = "/whittle.v1.TokenService/Exchange"

// porch plays the rooms behind the guard.
type porch struct {
	log      bytes.Buffer
	now      time.Time
	recorded []audit.Kind
	registry *prometheus.Registry
}

func (p *porch) Authenticate(c clientauth.Credentials, o clientauth.Origin) (clientauth.Caller, error) {
	if c.ClientID != "agent" {
		return clientauth.Caller{}, clientauth.ErrInvalid
	}
	return clientauth.Caller{ID: c.ClientID, Origin: o}, nil
}

func (p *porch) Refused(_ clientauth.Caller, kind audit.Kind, e *engine.Error) error {
	p.recorded = append(p.recorded, kind)
	e.Decision = fmt.Sprintf("d%d", len(p.recorded))
	return e
}

func (p *porch) config() guard.Config {
	p.now, p.registry = time.Unix(1_800_000_000, 0), prometheus.NewRegistry()
	return guard.Config{
		Authenticator: p, Recorder: p, Services: rpc.Descriptors(), Registry: p.registry,
		Logger: slog.New(slog.NewTextHandler(&p.log, nil)), Now: func() time.Time { return p.now }, Timeout: time.Second, Rates: guard.StandardRates(), Random: rand.Reader,
	}
}

func (p *porch) guard(t *testing.T) *guard.Guard {
	t.Helper()
	g, err := guard.New(p.config())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func by(id, method string) guard.Request {
	return guard.Request{Method: method, Wire: guard.GRPC, Remote: guard.Peer("192.0.2.1:1234"), Envelope: &envelope{from: id}}
}

// envelope is that of a client's call.
type envelope struct{ from, told string }

func (e *envelope) Credentials() (clientauth.Credentials, error) {
	return clientauth.Credentials{ClientID: e.from}, nil
}

func (e *envelope) Tell(id string) { e.told = id }

func fine(context.Context) error { return nil }

func TestTheCallerIsInTheContext(t *testing.T) {
	p := &porch{}
	err := p.guard(t).Do(context.Background(), by("agent", exchange), func(ctx context.Context) error {
		if who := caller.Of(ctx); who.ID != "agent" || who.Origin.Wire != "grpc" || who.Origin.From() != "192.0.2.1:1234" {
			t.Errorf("%+v", who)
		}
		if _, limited := ctx.Deadline(); !limited {
			t.Error("no deadline")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWhoIsTurnedAway(t *testing.T) {
	for _, c := range []struct {
		name    string
		request guard.Request
		want    engine.Code
		kinds   int // entries
	}{
		{"an unknown client", by("nobody", exchange), engine.InvalidClient, 0},
		{"a client without the permission", by("agent", "/whittle.v1.PolicyService/ApplyPolicy"), engine.AccessDenied, 1},
		{"T44: a path without its slash", by("agent", "whittle.v1.TokenService/Exchange"), engine.AccessDenied, 0},
		{"a path of another case", by("agent", "/whittle.v1.TokenService/exchange"), engine.AccessDenied, 0},
		{"a path with a slash too many", by("agent", exchange+"/"), engine.AccessDenied, 0},
		{"a method that nobody knows", by("agent", "/whittle.v1.TokenService/Mint"), engine.AccessDenied, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &porch{}
			err := p.guard(t).Do(context.Background(), c.request, func(context.Context) error {
				t.Error("the handler ran")
				return nil
			})
			if got := fault.Of(err).Code; got != c.want || len(p.recorded) != c.kinds {
				t.Errorf("%s with %d entries", got, len(p.recorded))
			}
			if line := p.log.String(); !strings.Contains(line, "level=INFO") || !strings.Contains(line, string(c.want)) {
				t.Errorf("logged %s", line)
			}
		})
	}
}

// added is the contract with one more service.
func added(t *testing.T, method string) protoreflect.ServiceDescriptor {
	t.Helper()
	str := func(s string) *string { return &s }
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: str("x.proto"), Package: str("whittle.v1"), Syntax: str("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: str("M")}},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name:   str("NewService"),
			Method: []*descriptorpb.MethodDescriptorProto{{Name: str(method), InputType: str(".whittle.v1.M"), OutputType: str(".whittle.v1.M")}},
		}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Services().Get(0)
}

func TestAMethodWithoutAnEntryStopsTheStart(t *testing.T) {
	c := new(porch).config()
	c.Services = append(c.Services, added(t, "Anything"))
	if _, err := guard.New(c); err == nil || !strings.Contains(err.Error(), "/whittle.v1.NewService/Anything") {
		t.Errorf("got %v", err)
	}
}

func TestAnEntryWithoutAMethodStopsTheStart(t *testing.T) {
	c := new(porch).config()
	c.Services = c.Services[1:]
	if _, err := guard.New(c); err == nil || !strings.Contains(err.Error(), exchange) && !strings.Contains(err.Error(), "TokenService") {
		t.Errorf("got %v", err)
	}
}

func TestAPanicIsANeutralFaultThatIsLogged(t *testing.T) {
	p := &porch{}
	err := p.guard(t).Do(context.Background(), by("agent", exchange), func(context.Context) error { panic("hunter2") })
	if fault.Of(err).Code != engine.ServerError || strings.Contains(fault.GRPC(err).Error(), "hunter2") {
		t.Errorf("got %v", fault.GRPC(err))
	}
	if line := p.log.String(); !strings.Contains(line, "panicked") || !strings.Contains(line, "guard_test.go") || strings.Contains(line, "hunter2") {
		t.Errorf("logged %q", line)
	}
}

func TestFaultsOfOursAreLoggedAsSuch(t *testing.T) {
	for _, c := range []struct {
		err   error
		level string
		kinds int
	}{
		{errors.New("disk on fire"), "ERROR", 0},
		{engine.Refuse(engine.TemporarilyUnavailable, "x", "y"), "WARN", 0},
		{engine.Refuse(engine.InvalidScope, "x", "y"), "INFO", 1},
		{engine.Refuse(engine.NotFound, "x", "y"), "INFO", 0},
		{&engine.Error{Code: engine.InvalidScope, Decision: "already"}, "INFO", 0},
	} {
		p := &porch{}
		err := p.guard(t).Do(context.Background(), by("agent", exchange), func(context.Context) error { return c.err })
		if !strings.Contains(p.log.String(), "level="+c.level+" ") || len(p.recorded) != c.kinds {
			t.Errorf("%v: logged %q, %d entries", c.err, p.log.String(), len(p.recorded))
		}
		if c.kinds > 0 && fault.Of(err).Decision != "d1" {
			t.Errorf("%v: no decision", err)
		}
	}
}

func TestTheSharedErrorOfAHandlerIsNotChanged(t *testing.T) {
	shared := engine.Refuse(engine.InvalidRequest, "x", "y")
	p := &porch{}
	_ = p.guard(t).Do(context.Background(), by("agent", exchange), func(context.Context) error { return shared })
	if shared.Decision != "" {
		t.Error("changed")
	}
}

func TestStrangersAreLimitedAndLockNobodyOut(t *testing.T) {
	p := &porch{}
	g := p.guard(t)
	limited := 0
	for range 200 {
		if err := g.Do(context.Background(), by("nobody", exchange), fine); fault.Of(err).Code == engine.SlowDown {
			limited++
			if fault.Of(err).RetryAfter <= 0 {
				t.Fatal("no RetryAfter")
			}
		}
	}
	if limited < 100 {
		t.Errorf("only %d of 200 were limited", limited)
	}
	if err := g.Do(context.Background(), by("agent", exchange), fine); err != nil {
		t.Errorf("the client was locked out: %v", err)
	}
	elsewhere := by("nobody", exchange)
	elsewhere.Remote = guard.Peer("198.51.100.1:1")
	if err := g.Do(context.Background(), elsewhere, fine); fault.Of(err).Code != engine.InvalidClient {
		t.Errorf("another network: %v", err)
	}
	p.now = p.now.Add(time.Second)
	if err := g.Do(context.Background(), by("nobody", exchange), fine); fault.Of(err).Code != engine.InvalidClient {
		t.Errorf("a second later: %v", err)
	}
	if len(p.recorded) > 0 {
		t.Error("strangers fill the record")
	}
}

func TestAClientIsHeldToItsRate(t *testing.T) {
	p := &porch{}
	g := p.guard(t)
	for i := range 100_000 {
		err := g.Do(context.Background(), by("agent", exchange), fine)
		if err == nil {
			continue
		}
		if e := fault.Of(err); e.Code != engine.SlowDown || e.Decision == "" {
			t.Errorf("request %d: %v", i, err)
		}
		return
	}
	t.Error("never")
}

func TestRequestsAreCounted(t *testing.T) {
	p := &porch{}
	g := p.guard(t)
	_ = g.Do(context.Background(), by("agent", exchange), fine)
	_ = g.Do(context.Background(), by("agent", exchange), func(context.Context) error { return engine.Refuse(engine.InvalidScope, "partly_refused", "") })
	_ = g.Do(context.Background(), by("agent", exchange), func(context.Context) error { return errors.New("a fault") })
	_ = g.Do(context.Background(), by("nobody", exchange), fine)
	_ = g.Do(context.Background(), by("agent", "/nowhere/"+strings.Repeat("x", 100)), fine)
	families, err := p.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if v := m.GetCounter().GetValue(); v > 0 {
				got[strings.Join(labels, " ")] = v
			}
		}
	}
	for _, want := range []string{
		"ok " + exchange + " grpc", "invalid_client " + exchange + " grpc", "access_denied unknown grpc",
		exchange + " client_auth", "unknown no_rule", exchange + " partly_refused",
	} {
		if got[want] != 1 {
			t.Errorf("%q: %v", want, got)
		}
	}
	if got[exchange+" fault"] != 0 {
		t.Error("a fault counts as a refusal")
	}
}

func BenchmarkGuard(b *testing.B) {
	p := &porch{}
	c := p.config()
	c.Now = time.Now
	g, err := guard.New(c)
	if err != nil {
		b.Fatal(err)
	}
	request := by("agent", "/whittle.v1.IntrospectionService/Introspect")
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Do(context.Background(), request, fine); err != nil && fault.Of(err).Code != engine.SlowDown {
			b.Fatal(err)
		}
	}
}
