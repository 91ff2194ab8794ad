package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
)

//go:embed peers/hydra.yaml
var hydraConfig string

// startHydra builds Hydra, which takes minutes the first time, and serves it on a PostgreSQL of its own. Its
// settings are those of its quickstart; connections to the database are kept, which its default doesn't do and which
// costs it four times as much of PostgreSQL.
func startHydra(ctx context.Context, folder string) (*running, error) {
	program, err := buildHydra(ctx)
	if err != nil {
		return nil, err
	}
	db, err := startPostgres(ctx, folder)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, errors.Join(err, db.stop())
	}
	var config bytes.Buffer
	dsn := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable&max_conns=20&max_idle_conns=20", db.port)
	values := map[string]any{"DSN": dsn, "Public": ports[0], "Admin": ports[1]}
	if err := template.Must(template.New("hydra").Parse(hydraConfig)).Execute(&config, values); err != nil {
		return nil, errors.Join(err, db.stop())
	}
	file := filepath.Join(folder, "hydra.yaml")
	if err := os.WriteFile(file, config.Bytes(), 0o600); err != nil {
		return nil, errors.Join(err, db.stop())
	}
	if out, err := exec.CommandContext(ctx, program, "migrate", "sql", "-y", "-e", "-c", file).CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("hydra migrate: %w: %s", err, out), db.stop())
	}
	serve := exec.Command(program, "serve", "all", "--dev", "-c", file)
	serve.Stderr = os.Stderr
	if err := serve.Start(); err != nil {
		return nil, errors.Join(err, db.stop())
	}
	stop := func() error { return errors.Join(ended(serve.Process), db.stop()) }
	public, admin := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	for _, port := range ports {
		if err := serves(ctx, fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
			return nil, errors.Join(err, stop())
		}
	}
	const secret = "a-secret-of-the-bench"
	client, err := hydraClient(ctx, admin, secret)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	itself := url.Values{"grant_type": {"client_credentials"}, "scope": {"orders:read"}}
	return &running{
		metered: &tree{roots: []int{serve.Process.Pid, db.pid}}, stop: stop,
		versions: []string{ofProgram(program, "github.com/ory/hydra/v2"), db.version},
		token:    public + "/oauth2/token", look: admin + "/admin/oauth2/introspect", revoke: public + "/oauth2/revoke",
		client: client, secret: secret, lookIsOpen: true, itself: itself, looksAt: opaqueOAuth,
		issue: func(ctx context.Context) (string, error) {
			return grant(ctx, public+"/oauth2/token", client, secret, itself)
		},
	}, nil
}

// buildHydra builds it in its own module, peers/hydra, which must be in the current folder.
func buildHydra(ctx context.Context) (string, error) {
	folder, err := kept("hydra")
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "hydra")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/ory/hydra/v2")
	build.Dir, build.Env, build.Stderr = filepath.Join("peers", "hydra"), append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := build.Run(); err != nil {
		return "", missingError{fmt.Sprintf("it could not be built: %v", err)}
	}
	return program, nil
}

// hydraClient registers a client and returns its id.
func hydraClient(ctx context.Context, admin, secret string) (string, error) {
	body, err := json.Marshal(map[string]any{
		"client_secret": secret, "grant_types": []string{"client_credentials"}, "scope": "orders:read",
		"token_endpoint_auth_method": "client_secret_basic",
	})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, admin+"/admin/clients", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var made struct {
		ID string `json:"client_id"`
	}
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || made.ID == "" {
		return "", fmt.Errorf("hydra made no client: %s (%w)", res.Status, err)
	}
	return made.ID, nil
}
