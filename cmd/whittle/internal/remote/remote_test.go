package remote

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/profile"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/internal/token"
)

func ask(t *testing.T, at profile.Target) error {
	t.Helper()
	s, err := Dial(at)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Policies().GetPolicy(t.Context(), &whittlev1.GetPolicyRequest{})
	return s.Explain(err)
}

// policies is a server that answers GetPolicy with an error.
type policies struct {
	whittlev1connect.UnimplementedPolicyServiceHandler

	err error
}

func (p policies) GetPolicy(context.Context, *whittlev1.GetPolicyRequest) (*whittlev1.GetPolicyResponse, error) {
	return &whittlev1.GetPolicyResponse{}, p.err
}

func TestEachErrorHasItsStatusAndSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		code connect.Code
		with proto.Message
		want exit.Code
		says string
	}{
		"the secret":     {code: connect.CodeUnauthenticated, want: exit.Refused, says: `client "ops", which came from the tests`},
		"the permission": {connect.CodePermissionDenied, &errdetails.ErrorInfo{Reason: "access_denied"}, exit.Refused, "in the client's `may`"},
		"the policy":     {connect.CodeInvalidArgument, &errdetails.ErrorInfo{Reason: "invalid_scope", Metadata: map[string]string{"decision": "d1"}}, exit.Refused, "whittle why d1"},
		"the request":    {connect.CodeInvalidArgument, &errdetails.ErrorInfo{Reason: "invalid_request"}, exit.Usage, "it said"},
		"the document":   {connect.CodeInvalidArgument, &whittlev1.PolicyProblem{Line: 3, Column: 4, Message: "no such scope"}, exit.No, "line 3, column 4: no such scope"},
		"nothing there":  {code: connect.CodeNotFound, want: exit.No, says: "it said"},
		"somebody else":  {code: connect.CodeAborted, want: exit.Conflict, says: "nothing was done"},
		"too fast":       {connect.CodeResourceExhausted, &errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)}, exit.Unavailable, "wait 3s"},
		"a fault":        {code: connect.CodeInternal, want: exit.Failed, says: "it said"},
		"an old server":  {code: connect.CodeUnimplemented, want: exit.Failed, says: "as new as this command"},
	} {
		t.Run(name, func(t *testing.T) {
			said := connect.NewError(c.code, "it said")
			if c.with != nil {
				detail, err := connectproto.NewErrorDetail(c.with)
				if err != nil {
					t.Fatal(err)
				}
				said = said.WithDetail(detail)
			}
			server := connect.NewServer()
			whittlev1connect.RegisterPolicyServiceHandler(server, policies{err: said})
			mux := http.NewServeMux()
			connecthttp.Mount(mux, server)
			at := httptest.NewServer(mux)
			defer at.Close()
			err := ask(t, profile.Target{URL: at.URL, Client: "ops", Secret: token.NewSecret("s3cret"), From: "the tests"})
			if exit.Of(err, exit.OK) != c.want || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("status %d, want %d: %v", exit.Of(err, exit.OK), c.want, err)
			}
		})
	}
}

func TestACertificateIsTrustedOnlyIfTheProfileSaysSo(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600)

	err := ask(t, profile.Target{URL: server.URL})
	if exit.Of(err, exit.OK) != exit.Unavailable || !strings.Contains(err.Error(), "ca_file") {
		t.Errorf("not trusted: %v", err)
	}
	if err := ask(t, profile.Target{URL: server.URL, CAFile: file}); exit.Of(err, exit.OK) != exit.Failed { // it is no Whittle
		t.Errorf("trusted: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other.pem")
	os.WriteFile(other, []byte(otherCertificate), 0o600)
	if err := ask(t, profile.Target{URL: server.URL, CAFile: other}); exit.Of(err, exit.OK) != exit.Unavailable {
		t.Errorf("another's certificate trusted: %v", err)
	}
	if _, err := Dial(profile.Target{URL: server.URL, CAFile: file + "x"}); exit.Of(err, exit.OK) != exit.Usage {
		t.Errorf("no such file: %v", err)
	}
}

func TestNoRedirectCarriesTheCredentialAway(t *testing.T) {
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	at := profile.Target{URL: server.URL, Client: "ops", Secret: token.NewSecret("s3cret")}
	if err := ask(t, at); err == nil || asked > 0 {
		t.Errorf("%v; asked elsewhere %d times", err, asked)
	}
	s, err := Dial(at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Document(t.Context(), "/oauth2/jwks"); err == nil || asked > 0 {
		t.Errorf("%v; asked elsewhere %d times", err, asked)
	}
}

// otherCertificate is of an authority that signed nothing here.
const otherCertificate = `-----BEGIN CERTIFICATE-----
MIIBRjCB7aADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMTB2Fub3RoZXIw
IBcNNzAwMTAxMDAwMDAwWhgPMjA5NjEwMDIwNzA2NDBaMBIxEDAOBgNVBAMTB2Fu
b3RoZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQpNwfGETEMgzH5gJXqCpc1
jty2x4eOuY2vreNs1eulXOzRzy//1FnwIUiY/Vnej9nI+p8hXX2H2+B1b0sZoqhe
ozIwMDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBTlohdS1s4Ps+Mms9Q5ciYB
jiVrvTAKBggqhkjOPQQDAgNIADBFAiBHOX8gOcPNgBNd42zvZP0kXRTg688Pj8cC
p4pw21oiCwIhAMUySnJ7Sh2U6n/6mD7XCAQdjfmlvbb+ajdmDGenCWUF
-----END CERTIFICATE-----
`
