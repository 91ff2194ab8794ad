package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/settings"
)

const healthTime = 2 * time.Second // less than any prober waits

func healthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the server on this host whether it can work",
		Long: `Asks /readyz of the admin listener that the settings name (listen.admin), and exits with 0 only if the
server says yes within two seconds. It is for containers and supervisors that have no other way to ask.`,
		Example: "  whittle health --config /etc/whittle/whittle.yaml",
		Args:    cobra.NoArgs,
	}
	flags := settings.Register(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := flags.Load()
		if err != nil {
			return err
		}
		return askReady(cmd.Context(), "http://"+reachable(s.Server.AdminAddr)+"/readyz")
	}
	return cmd
}

// reachable is the address that a listener on all of the host's addresses has for the host itself.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || host != "" && (ip == nil || !ip.IsUnspecified()) {
		return address
	}
	return net.JoinHostPort("localhost", port)
}

func askReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	direct := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // never by a proxy
	res, err := direct.Do(r)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer res.Body.Close()
	why, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(why)))
	}
	return nil
}
