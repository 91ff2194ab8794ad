package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

//go:embed peers/oidc-provider
var oidcProviderFiles embed.FS

// startOIDCProvider installs oidc-provider as package-lock.json says and serves it with its adapter in memory.
func startOIDCProvider(ctx context.Context, _ string) (*running, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, missingError{"it needs Node.js, 20 at least, and npm"}
		}
	}
	folder, err := kept("oidc-provider")
	if err != nil {
		return nil, err
	}
	manifest, err := oidcProviderFiles.ReadFile("peers/oidc-provider/package.json")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"package.json", "package-lock.json", "server.mjs"} {
		text, err := oidcProviderFiles.ReadFile("peers/oidc-provider/" + name)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return nil, err
		}
	}
	install := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--silent")
	install.Dir, install.Stderr = folder, os.Stderr
	if err := install.Run(); err != nil {
		return nil, missingError{fmt.Sprintf("npm ci: %v", err)}
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	serve := exec.Command("node", "server.mjs")
	serve.Dir = folder
	serve.Env = append(os.Environ(), "NODE_ENV=production", "PORT="+strconv.Itoa(ports[0]))
	if err := serve.Start(); err != nil {
		return nil, err
	}
	stop := func() error { return ended(serve.Process) }
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	if err := serves(ctx, address); err != nil {
		return nil, errors.Join(err, stop())
	}
	const client, secret = "bench", "a-secret-of-the-bench"
	base := "http://" + address
	itself := url.Values{"grant_type": {"client_credentials"}, "scope": {"orders:read"}}
	return &running{
		metered: &tree{roots: []int{serve.Process.Pid}}, stop: stop, versions: []string{ofPackage(manifest, "oidc-provider"), "Node.js " + said("node")},
		token: base + "/token", look: base + "/token/introspection", revoke: base + "/token/revocation",
		client: client, secret: secret, itself: itself, looksAt: opaqueOAuth,
		issue: func(ctx context.Context) (string, error) { return grant(ctx, base+"/token", client, secret, itself) },
	}, nil
}
