package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/rpc"
)

// methods lists every method of the contract as the wires name it.
func methods() []string {
	var out []string
	for _, s := range rpc.Descriptors() {
		for i := range s.Methods().Len() {
			out = append(out, fmt.Sprintf("/%s/%s", s.FullName(), s.Methods().Get(i).Name()))
		}
	}
	return out
}

func TestNoMethodAnswersAStranger(t *testing.T) {
	var b browser
	streams := make(map[string]bool)
	for _, s := range rpc.Descriptors() {
		for i := range s.Methods().Len() {
			streams[fmt.Sprintf("/%s/%s", s.FullName(), s.Methods().Get(i).Name())] = s.Methods().Get(i).IsStreamingServer()
		}
	}
	for i, method := range methods() {
		if i%20 == 0 { // strangers may fail so often and no more
			b = platform(t, nil)
		}
		var header metadata.MD
		err := b.Conn.Invoke(context.Background(), method, &emptypb.Empty{}, &emptypb.Empty{}, grpc.Header(&header))
		if status.Code(err) != codes.Unauthenticated || fmt.Sprint(header["www-authenticate"]) != `[Basic realm="whittle"]` {
			t.Errorf("gRPC %s: %v, %v", method, err, header)
		}
		if streams[method] { // whose answer always begins well, with the error at its end
			got := b.send("POST", method, "\x00\x00\x00\x00\x02{}", "Content-Type", "application/connect+json")
			if !strings.Contains(got.body, `"unauthenticated"`) || got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("Connect %s: %d %q %v", method, got.status, got.body, got.header)
			}
			continue
		}
		got := b.send("POST", method, "{}", "Content-Type", "application/json")
		if got.status != 401 || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("Connect %s: %d %s", method, got.status, got.body)
		}
	}
}

func TestAdministrationNeedsItsPermission(t *testing.T) {
	b := platform(t, nil)
	open := map[string]bool{"Exchange": true, "ClientCredentials": true, "Introspect": true, "BatchIntrospect": true, "RevokeToken": true}
	for _, proof := range []string{"GetCheckpoint", "GetInclusionProof", "GetConsistencyProof"} { // hashes; a receipt is an entry
		open[proof] = true
	}
	for _, method := range methods() {
		err := b.Conn.Invoke(b.As(context.Background(), b.Client("research-agent")), method, &emptypb.Empty{}, &emptypb.Empty{})
		denied := status.Code(err) == codes.PermissionDenied && strings.Contains(err.Error(), "needs the permission")
		if short := method[strings.LastIndex(method, "/")+1:]; denied == open[short] {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestMetadataThatIsRepeatedIsRefused(t *testing.T) {
	b := platform(t, nil)
	basic := b.basic("data-gateway")
	call := func(pairs ...string) error {
		ctx := metadata.AppendToOutgoingContext(context.Background(), pairs...)
		_, err := whittlev1.NewIntrospectionServiceClient(b.Conn).Introspect(ctx, &whittlev1.IntrospectRequest{Token: "x"})
		return err
	}
	for name, pairs := range map[string][]string{
		"two values":         {"authorization", basic, "authorization", basic},
		"joined by a comma":  {"authorization", basic + ", " + basic},
		"a DPoP proof":       {"authorization", basic, "dpop", "a.b.c"},
		"two DPoP proofs":    {"authorization", basic, "dpop", "a.b.c", "dpop", "d.e.f"},
		"Basic and a Bearer": {"authorization", basic, "authorization", "Bearer x"},
	} {
		if err := call(pairs...); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := call("authorization", basic); err != nil {
		t.Errorf("one value: %v", err)
	}
	got := b.send("POST", looks, `{"token":"x"}`, "Content-Type", "application/json", "Authorization", basic, "Authorization", basic)
	if got.status != 400 || got.member(t, "code") != "invalid_argument" {
		t.Errorf("Connect: %d %s", got.status, got.body)
	}
}

// What is malformed is told by field and rule, and never quoted.
func TestAMalformedMessageIsNotQuoted(t *testing.T) {
	b := platform(t, nil)
	const secret = "hunter2"
	auth := []string{"Content-Type", "application/json", "Authorization", b.basic("research-agent")}
	for _, body := range []string{
		`{"subjectToken":` + secret + `}`,
		`{"subjectToken":"` + secret + `","subjectTokenType":"TOKEN_TYPE_` + secret + `"}`,
		`{"subjectToken":"` + secret + `","subjectTokenType":99}`,
		`{"` + secret + `":1}`,
		`{"subjectToken":"` + secret + `","subjectToken":"` + secret + `"}`,
		`{"subjectToken":"` + secret + `","subjectTokenType":"TOKEN_TYPE_JWT","taskLabel":"` + strings.Repeat(secret, 100) + `"}`,
		`{"subjectToken":"` + secret,
	} {
		got := b.send("POST", "/whittle.v1.TokenService/Exchange", body, auth...)
		if got.status != 400 || got.member(t, "code") != "invalid_argument" || strings.Contains(got.body, secret) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	got := b.send("POST", "/whittle.v1.TokenService/Exchange", `{"subjectToken":"x"}`, auth...)
	if message, _ := got.member(t, "message").(string); !strings.Contains(message, "subject_token_type") {
		t.Errorf("the field isn't named: %s", got.body)
	}
}

func TestGRPCDoesNotQuoteBytesThatAreNoMessage(t *testing.T) {
	b := platform(t, nil)
	err := b.Conn.Invoke(b.As(context.Background(), b.Client("research-agent")), "/whittle.v1.TokenService/Exchange",
		[]byte("\x0a\xff\xff\xff\xffhunter2"), &emptypb.Empty{}, grpc.ForceCodec(raw{}))
	if status.Code(err) != codes.InvalidArgument || strings.Contains(err.Error(), "proto") {
		t.Errorf("got %v", err)
	}
	err = b.Conn.Invoke(b.As(context.Background(), b.Client("data-gateway")), looks, []byte("\x0a\x02\xff\xfe"), &emptypb.Empty{}, grpc.ForceCodec(raw{}))
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("a string that isn't UTF-8: %v", err)
	}
}

// raw is a codec that sends bytes as they are.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (raw) Unmarshal([]byte, any) error   { return nil }
func (raw) Name() string                  { return "proto" }

func TestConnectGETIsForWhatHoldsNoToken(t *testing.T) {
	b := platform(t, nil)
	query := "?connect=v1&encoding=json&message=" + "%7B%7D"
	may := map[string]bool{"GetPolicy": true, "ListRevocations": true, "GetEntry": true, "Explain": true, "ListPolicies": true, "ListClients": true, "ListKeys": true}
	for _, more := range []string{"GetKeyEncryptionKey", "GetCheckpoint", "GetInclusionProof", "GetConsistencyProof", "GetReceipt"} {
		may[more] = true
	}
	for _, method := range methods() {
		got := b.send("GET", method+query, "", "Authorization", b.basic("bootstrap"))
		if refused := got.status == http.StatusMethodNotAllowed; refused == may[method[strings.LastIndex(method, "/")+1:]] {
			t.Errorf("%s: %d", method, got.status)
		}
	}
}

func TestMessagesAreLimited(t *testing.T) {
	b := platform(t, nil)
	big := &whittlev1.IntrospectRequest{Token: strings.Repeat("x", 20<<20)}
	_, err := whittlev1.NewIntrospectionServiceClient(b.Conn).Introspect(b.As(context.Background(), b.Client("data-gateway")), big)
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("gRPC: %v", err)
	}
	ctx, info := connect.NewClientContext(context.Background())
	info.RequestHeader().Set("Authorization", b.basic("data-gateway"))
	_, err = whittlev1connect.NewIntrospectionServiceClient(b.ConnectClient()).Introspect(ctx, big)
	if connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("Connect: %v", err)
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := io.Copy(z, io.LimitReader(zeros{}, 64<<20)); err != nil {
		t.Fatal(err)
	}
	z.Close()
	got := b.send("POST", looks, bomb.String(), "Content-Type", "application/proto", "Content-Encoding", "gzip", "Authorization", b.basic("data-gateway"))
	if got.status != 429 && got.status != 400 {
		t.Errorf("a bomb: %d %s", got.status, got.body)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestHealthIsForEverybodyAndReflectionIsOff(t *testing.T) {
	b := platform(t, nil)
	got, err := grpc_health_v1.NewHealthClient(b.Conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || got.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", got, err)
	}
	watched, err := grpc_health_v1.NewHealthClient(b.Conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watched.Recv(); status.Code(err) != codes.Unimplemented {
		t.Errorf("a stranger watches: %v", err)
	}
	if err := reflect(b.Conn); status.Code(err) != codes.Unimplemented {
		t.Errorf("reflection: %v", err)
	}
	on := platform(t, func(c *server.Config) { c.Reflection = true })
	if err := reflect(on.Conn); err != nil {
		t.Errorf("reflection that is on: %v", err)
	}
}

func reflect(conn *grpc.ClientConn) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	ask := &grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}}
	if err := stream.Send(ask); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = stream.Recv()
	return err
}

// A path without its leading slash once went past interceptors that were keyed by it.
func TestT44_APathWithoutItsSlash(t *testing.T) {
	b := platform(t, nil)
	for _, path := range []string{"whittle.v1.PolicyService/GetPolicy", "//whittle.v1.PolicyService/GetPolicy", "/whittle.v1.PolicyService/GetPolicy/"} {
		got := overRawHTTP2(t, b.GRPCAddr(), path, b.basic("bootstrap"))
		if got != fmt.Sprint(int(codes.Unimplemented)) && got != "refused" {
			t.Errorf("%s: grpc-status %s", path, got)
		}
	}
	if got := overRawHTTP2(t, b.GRPCAddr(), "/whittle.v1.PolicyService/GetPolicy", b.basic("bootstrap")); got != "0" {
		t.Errorf("the path as it should be: grpc-status %s", got)
	}
}

// overRawHTTP2 sends an empty gRPC message to the path and returns the grpc-status, or refused.
func overRawHTTP2(t *testing.T, addr, path, authorization string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	var block bytes.Buffer
	fields := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", path}, {":authority", "x"},
		{"content-type", "application/grpc"}, {"te", "trailers"}, {"authorization", authorization},
	} {
		fields.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	io.WriteString(conn, http2.ClientPreface)
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	framer.WriteSettings()
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
	framer.WriteData(1, true, binary.BigEndian.AppendUint32([]byte{0}, 0))
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return "refused"
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			for _, field := range f.Fields {
				if field.Name == "grpc-status" {
					return field.Value
				}
			}
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return "refused"
		}
	}
}
