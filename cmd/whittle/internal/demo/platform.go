package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
	"github.com/whittle-sts/whittle/server"
)

//go:embed policy.yaml
var policyTemplate string

// The two resources of the platform.
const (
	dataAPI   = "https://data.example.com"
	modelsAPI = "https://models.example.com"
)

// platform is an AI platform in miniature: the server, the company's identity provider, its build
// system, and a client for each wire.
type platform struct {
	folder  string
	server  *server.Server
	stopped chan error // what Run returned
	stop    context.CancelFunc

	corp, ci *issuertest.Provider

	credentials map[string]string // secrets by client
	rpc         *connect.Client
	grpc        *grpc.ClientConn
}

// start makes the scratch folder and starts everything.
func start(ctx context.Context) (p *platform, err error) {
	p = &platform{credentials: make(map[string]string), stopped: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.folder, err = os.MkdirTemp("", "whittle-demo-"); err != nil {
		return p, err
	}
	if p.corp, err = issuertest.New(time.Now); err != nil {
		return p, err
	}
	if p.ci, err = issuertest.New(time.Now, "RS256"); err != nil {
		return p, err
	}
	p.server, err = server.New(ctx, server.Config{
		DataDir: p.folder, GRPCAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0",
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, // the providers are played here
		Reflection:    true,
	})
	if err != nil {
		return p, err
	}
	ctx, p.stop = context.WithCancel(ctx)
	go func() { p.stopped <- p.server.Run(ctx) }()
	p.credentials["bootstrap"] = p.server.Bootstrap().Secret.Reveal()
	return p, p.dial()
}

// dial makes the clients of the two rpc wires; the third is plain HTTP.
func (p *platform) dial() (err error) {
	p.rpc = connect.NewClient(connecthttp.NewTransport(http.DefaultClient, p.server.HTTPURL()))
	p.grpc, err = grpc.NewClient(p.server.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	return err
}

// close stops what was started and removes the folder.
func (p *platform) close() error {
	var errs []error
	if p.grpc != nil {
		errs = append(errs, p.grpc.Close())
	}
	if p.stop != nil {
		p.stop()
		errs = append(errs, <-p.stopped)
	}
	if p.server != nil {
		errs = append(errs, p.server.Close())
	}
	for _, provider := range []*issuertest.Provider{p.corp, p.ci} {
		if provider != nil {
			errs = append(errs, provider.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(p.folder))...)
}

// policy is the platform's policy, with the providers where they really are.
func (p *platform) policy() string {
	return strings.NewReplacer("{{.Corp}}", p.corp.URL, "{{.CI}}", p.ci.URL).Replace(policyTemplate)
}

// researcherToken is Ana's broad corporate token: good for an hour, for whatever takes corporate tokens.
func (p *platform) researcherToken() (string, error) {
	return p.corp.Token("00u1ana", "whittle", map[string]any{
		"groups": []string{"research"}, "amr": []string{"pwd", "mfa"}, "email": "ana@example.com",
	})
}

// pipelineToken is the build system's token for the production pipeline.
func (p *platform) pipelineToken() (string, error) {
	return p.ci.Token("repo:example/models:production", "whittle", map[string]any{"repository_owner": "example"})
}

func (p *platform) policies() whittlev1connect.PolicyServiceClient {
	return whittlev1connect.NewPolicyServiceClient(p.rpc)
}

// as is a context in which a Connect call is the client's.
func (p *platform) as(ctx context.Context, client string) context.Context {
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set("Authorization", p.basic(client))
	return ctx
}

// basic is the client's credentials by client_secret_basic (RFC 6749 section 2.3.1).
func (p *platform) basic(client string) string {
	r := &http.Request{Header: make(http.Header)}
	r.SetBasicAuth(client, p.credentials[client]) // neither holds anything that form encoding changes
	return r.Header.Get("Authorization")
}

// onceReady waits until the server answers, so that the first step measures the step.
func (p *platform) onceReady(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.server.AdminURL()+"/healthz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	return res.Body.Close()
}
