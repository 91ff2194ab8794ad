package fault

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"github.com/go-json-experiment/json"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
)

// engineCodes reads the engine's source for its codes, so that a new one can't be forgotten here.
func engineCodes(t *testing.T) []engine.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../internal/engine/error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []engine.Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, engine.Code(value))
		}
		return true
	})
	if len(out) < 10 {
		t.Fatalf("found only %d codes", len(out))
	}
	return out
}

func TestEveryCodeOfTheEngineIsSaidOnEveryWire(t *testing.T) {
	all := engineCodes(t)
	if len(all) != len(statuses) {
		t.Errorf("the table has %d rows, the engine %d codes", len(statuses), len(all))
	}
	for _, code := range all {
		t.Run(string(code), func(t *testing.T) {
			row, ok := statuses[code]
			if !ok {
				t.Fatal("no row in the table")
			}
			err := engine.Refuse(code, "test", "a safe text")
			err.Decision, err.RetryAfter = "d123", 1500*time.Millisecond

			w := httptest.NewRecorder()
			HTTP(w, err)
			checkHTTP(t, w, row.http, code)

			s := grpcstatus.Convert(GRPC(err))
			if s.Code() != row.grpc || s.Message() != "a safe text" {
				t.Errorf("gRPC: %v %q", s.Code(), s.Message())
			}
			checkDetails(t, s.Details(), code)

			c, ok := errors.AsType[*connect.Error](Connect(err))
			if !ok || c.Message() != "a safe text" || c.Code() != connect.Code(row.grpc) {
				t.Fatalf("Connect: %v", c)
			}
			var details []any
			for _, d := range c.Details() {
				m, err := connectproto.UnmarshalErrorDetail(d)
				if err != nil {
					t.Fatal(err)
				}
				details = append(details, m)
			}
			checkDetails(t, details, code)
		})
	}
}

func checkHTTP(t *testing.T, w *httptest.ResponseRecorder, status int, code engine.Code) {
	t.Helper()
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if w.Code != status || got["error"] != string(code) || got["error_description"] != "a safe text" || got["decision"] != "d123" {
		t.Errorf("HTTP: %d %v", w.Code, got)
	}
	h := w.Header()
	if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || h.Get("Retry-After") != "2" {
		t.Errorf("HTTP headers: %v", h)
	}
	if challenged := h.Get("WWW-Authenticate") == Challenge; challenged != (w.Code == 401) {
		t.Errorf("challenge %t with status %d", challenged, w.Code)
	}
}

func checkDetails(t *testing.T, details []any, code engine.Code) {
	t.Helper()
	if len(details) != 2 {
		t.Fatalf("details: %v", details)
	}
	info, _ := details[0].(*errdetails.ErrorInfo)
	retry, _ := details[1].(*errdetails.RetryInfo)
	if info.GetReason() != string(code) || info.GetDomain() != "whittle" || info.GetMetadata()["decision"] != "d123" {
		t.Errorf("ErrorInfo: %v", info)
	}
	if retry.GetRetryDelay().AsDuration() != 1500*time.Millisecond {
		t.Errorf("RetryInfo: %v", retry)
	}
}

// Connect's codes are written as gRPC's numbers; that holds by their specification and here.
func TestConnectHasGRPCsNumbers(t *testing.T) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		want := strings.ReplaceAll(connect.Code(code).String(), "_", "")
		if got := strings.ToLower(code.String()); got != want && code != codes.Canceled {
			t.Errorf("%d is %s in gRPC and %s in Connect", code, got, want)
		}
	}
}

func TestACauseNeverLeaves(t *testing.T) {
	const secret = "hunter2"
	foreign := fmt.Errorf("dial tcp 10.0.0.1: %s", secret)
	for name, err := range map[string]error{
		"a foreign error":           foreign,
		"an engine's fault":         engine.Fault(foreign),
		"an unknown code":           engine.Refuse("made_up", secret, secret),
		"a gRPC status of somebody": grpcstatus.Error(codes.NotFound, secret),
		"a Connect error":           connect.NewError(connect.CodeNotFound, secret),
		"a reason":                  engine.Refuse(engine.InvalidScope, secret, "no"),
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			HTTP(w, err)
			said := []string{w.Body.String(), fmt.Sprint(w.Header()), GRPC(err).Error(), fmt.Sprint(grpcstatus.Convert(GRPC(err)).Proto()), Connect(err).Error()}
			for _, text := range said {
				if strings.Contains(text, secret) {
					t.Errorf("said %q", text)
				}
			}
		})
	}
}

func TestWhatIsNotTheEnginesHasItsPlace(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		code engine.Code
		http int
		grpc codes.Code
	}{
		{"failed authentication", clientauth.ErrInvalid, engine.InvalidClient, 401, codes.Unauthenticated},
		{"too large", ErrTooLarge, engine.InvalidRequest, 413, codes.ResourceExhausted},
		{"another method", ErrMethod, engine.InvalidRequest, 405, codes.Unimplemented},
		{"the deadline passed", context.DeadlineExceeded, engine.TemporarilyUnavailable, 503, codes.Unavailable},
		{"the deadline passed inside", engine.Fault(context.DeadlineExceeded), engine.TemporarilyUnavailable, 503, codes.Unavailable},
		{"anything else", errors.New("x"), engine.ServerError, 500, codes.Internal},
		{"Connect can't read it", FromConnect(connect.NewError(connect.CodeInvalidArgument, "x")), engine.InvalidRequest, 400, codes.InvalidArgument},
		{"Connect finds it too large", FromConnect(connect.NewError(connect.CodeResourceExhausted, "x")), engine.InvalidRequest, 413, codes.ResourceExhausted},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			HTTP(w, c.err)
			if got := Of(c.err).Code; got != c.code || w.Code != c.http || grpcstatus.Code(GRPC(c.err)) != c.grpc {
				t.Errorf("%s, %d, %v", got, w.Code, grpcstatus.Code(GRPC(c.err)))
			}
		})
	}
}

func TestADescriptionHoldsToItsCharset(t *testing.T) {
	w := httptest.NewRecorder()
	HTTP(w, engine.Refuse(engine.InvalidScope, "r", "not granted: x\"y\\z\n\x00é"+strings.Repeat("a", 1000)))
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	text := got["error_description"]
	if strings.ContainsAny(text, "\"\\\n\x00é") || len(text) > maxDescription {
		t.Errorf("%q", text)
	}
}
