package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/settings"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/tracing"
)

func serveCommand() *cobra.Command {
	var acceptClock, newBootstrap bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve gRPC, Connect and OAuth on the state in a folder",
		Long: `Serves until it is interrupted, then finishes what is in flight. The first start makes the state, its
key-encryption key and a bootstrap credential, which is printed once and is good for a day: use it to
apply a policy and to make the secrets of its clients.

Settings come from whittle.yaml, from the environment and from flags, of which the later win;
"whittle config check" shows what they come to.`,
		Example: "  whittle serve --data ./state",
		Args:    cobra.NoArgs,
	}
	f := cmd.Flags()
	flags := settings.Register(f)
	f.BoolVar(&acceptClock, "accept-clock", false, "trust the clock although it stands before the newest entry on the record")
	f.BoolVar(&newBootstrap, "new-bootstrap", false, "make a bootstrap credential anew, if every other way in is lost")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := flags.Load()
		if err != nil {
			return err
		}
		if !s.CoreDumps {
			if err := server.ForbidCoreDumps(); err != nil {
				return err
			}
		}
		c := s.Server
		if err := c.Check(cmd.Context()); err != nil {
			return exit.With(exit.Usage, err)
		}
		c.AcceptClock, c.NewBootstrap = acceptClock, newBootstrap
		c.Logger = s.Log.Logger(cmd.ErrOrStderr())
		return serve(cmd, c)
	}
	return cmd
}

// flushTime is how long the last spans may take to leave.
const flushTime = 5 * time.Second

func serve(cmd *cobra.Command, c server.Config) (err error) {
	defer server.SettleMemory()()
	c.Version, _ = release()
	tracer, stop, err := tracing.FromEnvironment(cmd.Context(), c.Version)
	if err != nil {
		return err
	}
	defer func() {
		// The collector has a moment to take what is left; the command's own context is done by now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), flushTime)
		defer cancel()
		if failed := stop(ctx); failed != nil {
			c.Logger.Warn("the last spans were not sent", slog.String("error", failed.Error()))
		}
	}()
	c.Tracer = tracer
	c.ShowBootstrap = func(client string, secret token.Secret) error {
		return announceBootstrap(cmd.OutOrStdout(), client, secret)
	}
	s, err := server.New(cmd.Context(), c)
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Fprintf(cmd.OutOrStdout(), "gRPC %s · Connect and OAuth %s · health and metrics %s\n", s.GRPCAddr(), s.HTTPURL(), s.AdminURL())
	notify(cmd.Context(), "READY=1") // the listeners are bound: whoever connects is served in a moment
	if err := s.Run(cmd.Context()); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), "stopped: what was in flight is answered")
	return nil
}

// announceBootstrap says who may use a new state.
func announceBootstrap(out io.Writer, client string, secret token.Secret) error {
	_, err := fmt.Fprintf(out, `This credential is shown once and is good for a day:
  client %s
  secret %s

`, client, secret.Reveal())
	return err
}
