package tracing_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
	"github.com/whittle-sts/whittle/server/tracing"
)

// receiver is a collector as far as OTLP over HTTP goes.
type receiver struct {
	mu    sync.Mutex
	spans []*v1.Span
	text  strings.Builder
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	var request collector.ExportTraceServiceRequest
	if err != nil || q.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.WriteString(prototext.Format(&request))
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
	answer, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Write(answer)
}

func TestSpansReachACollectorAndHoldNothingOfTheCallers(t *testing.T) {
	got := new(receiver)
	at := httptest.NewServer(got)
	defer at.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", at.URL)
	tracer, stop, err := tracing.FromEnvironment(context.Background(), "v0.0.0")
	if err != nil || tracer == nil {
		t.Fatalf("%v, %v", tracer, err)
	}
	w := servertest.Start(t, servertest.Options{
		Policy: servertest.ReadFile(t, "../../test/scenarios/policies/platform.yaml"),
		Edit:   func(c *server.Config) { c.Tracer = tracer },
	})
	subject := w.Token("corp", "rita", map[string]any{"groups": []string{"research"}, "amr": []string{"mfa"}})
	secrets := []string{subject, w.Client("research-agent").Secret, w.Client("research-agent").Basic(), "rita"}
	for _, wire := range w.Wires() {
		made, err := wire.Exchange(context.Background(), w.Client("research-agent"), &whittlev1.ExchangeRequest{
			SubjectToken: subject, SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT, Audience: []string{"data"}, Scope: []string{"ai.training.read"},
		})
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, made.GetAccessToken())
		if _, err := wire.Exchange(context.Background(), w.Client("research-agent"), &whittlev1.ExchangeRequest{
			SubjectToken: subject, SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT, Scope: []string{"ai.deploy.manage"},
		}); err == nil {
			t.Error("granted")
		}
	}
	w.Stop()
	if err := stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	outcomes := make(map[string]int)
	for _, s := range got.spans {
		for _, a := range s.GetAttributes() {
			if a.GetKey() == "whittle.outcome" {
				outcomes[s.GetName()+" "+a.GetValue().GetStringValue()]++
			}
		}
	}
	for name, want := range map[string]int{
		"whittle.v1.TokenService/Exchange ok": 4, "whittle.v1.TokenService/Exchange invalid_scope": 4,
		"oauth2/token ok": 1, "oauth2/token invalid_scope": 1,
	} {
		if outcomes[name] != want {
			t.Errorf("%s: %d spans, not %d", name, outcomes[name], want)
		}
	}
	for _, s := range secrets {
		if strings.Contains(got.text.String(), s) {
			t.Errorf("a span holds %q", s)
		}
	}
	if !strings.Contains(got.text.String(), `"v0.0.0"`) {
		t.Error("no version")
	}
}

func TestNothingIsInstalledUnlessAsked(t *testing.T) {
	for _, c := range []struct {
		env     map[string]string
		refused bool
	}{
		{env: nil},
		{env: map[string]string{"OTEL_SERVICE_NAME": "sts"}},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, refused: true},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9411", "OTEL_TRACES_EXPORTER": "zipkin"}, refused: true},
	} {
		t.Run("", func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			tracer, stop, err := tracing.FromEnvironment(context.Background(), "v0.0.0")
			if tracer != trace.Tracer(nil) || (err != nil) != c.refused || stop(context.Background()) != nil {
				t.Errorf("%v: %v, %v", c.env, tracer, err)
			}
		})
	}
}
