package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/profile"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
)

// Server is a server, asked as one client.
type Server struct {
	at     profile.Target
	http   *http.Client
	client *connect.Client
}

// Dial makes a Server; nothing is sent before the first request. Without a credential only what is public
// can be asked, so whoever needs one calls Credential.
func Dial(at profile.Target) (*Server, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented to be one
	if at.CAFile != "" {
		pem, err := os.ReadFile(at.CAFile)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("profile %q, ca_file: %w", at.Profile, err))
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, exit.With(exit.Usage, fmt.Errorf("profile %q: %s holds no PEM certificate", at.Profile, at.CAFile))
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	s := &Server{at: at, http: &http.Client{
		Transport: signed{at, transport},
		// A redirect would carry tokens and the credential to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	s.client = connect.NewClient(connecthttp.NewTransport(s.http, at.URL))
	return s, nil
}

// Credential is an error if there is none to send, which says why and what to do.
func (s *Server) Credential() error {
	if s.at.Client == "" {
		return exit.With(exit.Usage, errors.New("nobody to ask as: "+s.at.From))
	}
	return nil
}

// URL is where the server is.
func (s *Server) URL() string { return s.at.URL }

// signed puts the credential on each request, by client_secret_basic (RFC 6749 section 2.3.1).
type signed struct {
	as   profile.Target
	next http.RoundTripper
}

func (t signed) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.as.Client != "" {
		r = r.Clone(r.Context())
		r.SetBasicAuth(url.QueryEscape(t.as.Client), url.QueryEscape(t.as.Secret.Reveal()))
	}
	return t.next.RoundTrip(r)
}

// maxDocument is the most that is read of a public document.
const maxDocument = 1 << 20

// Document reads what the server publishes at a path, such as its key set.
func (s *Server) Document(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.at.URL+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.http.Do(r)
	if err != nil {
		return nil, s.noAnswer(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s%s: %s", s.at.URL, path, res.Status)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxDocument))
	if err != nil {
		return nil, s.noAnswer(err)
	}
	return text, nil
}

// Tokens is the service that issues tokens.
func (s *Server) Tokens() whittlev1connect.TokenServiceClient {
	return whittlev1connect.NewTokenServiceClient(s.client)
}

// Introspection is the service that tells what a token is.
func (s *Server) Introspection() whittlev1connect.IntrospectionServiceClient {
	return whittlev1connect.NewIntrospectionServiceClient(s.client)
}

// Revocations is the service that takes power away.
func (s *Server) Revocations() whittlev1connect.RevocationServiceClient {
	return whittlev1connect.NewRevocationServiceClient(s.client)
}

// Policies is the service of the policy document.
func (s *Server) Policies() whittlev1connect.PolicyServiceClient {
	return whittlev1connect.NewPolicyServiceClient(s.client)
}

// Clients is the service of the clients' secrets.
func (s *Server) Clients() whittlev1connect.ClientServiceClient {
	return whittlev1connect.NewClientServiceClient(s.client)
}

// Keys is the service of the signing keys.
func (s *Server) Keys() whittlev1connect.KeyServiceClient {
	return whittlev1connect.NewKeyServiceClient(s.client)
}

// Audit is the service that reads the audit log.
func (s *Server) Audit() whittlev1connect.AuditServiceClient {
	return whittlev1connect.NewAuditServiceClient(s.client)
}

// Proofs is the service that proves what the audit log is.
func (s *Server) Proofs() whittlev1connect.ProofServiceClient {
	return whittlev1connect.NewProofServiceClient(s.client)
}

// AuditFeed is the audit log as it grows.
func (s *Server) AuditFeed() whittlev1connect.AuditFeedServiceClient {
	return whittlev1connect.NewAuditFeedServiceClient(s.client)
}

// Privacy is PrivacyService.
func (s *Server) Privacy() whittlev1connect.PrivacyServiceClient {
	return whittlev1connect.NewPrivacyServiceClient(s.client)
}

// PersonExport is PersonExportService.
func (s *Server) PersonExport() whittlev1connect.PersonExportServiceClient {
	return whittlev1connect.NewPersonExportServiceClient(s.client)
}

// Backups is BackupService.
func (s *Server) Backups() whittlev1connect.BackupServiceClient {
	return whittlev1connect.NewBackupServiceClient(s.client)
}
