package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/profile"
)

func readyCommand() *cobra.Command {
	var flags profile.Flags
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "ready [URL]...",
		Short: "Wait until a server answers",
		Long: `Asks for the metadata (RFC 8414) of the server that the profile names, or of each issuer whose URL is given,
until all of them have answered. For scripts that start a server, and for health checks of containers. Exit
status 5 if one hasn't answered in time.`,
		Example: `  whittle serve & whittle ready && whittle policy show`,
		RunE: func(cmd *cobra.Command, urls []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), wait)
			defer cancel()
			if len(urls) == 0 {
				urls = []string{flags.URL}
			}
			for _, url := range urls {
				flags.URL = url
				if err := answers(ctx, flags); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&flags.Profile, "profile", "", `where the server is (WHITTLE_PROFILE; default: "default")`)
	cmd.Flags().BoolVar(&flags.Plaintext, "plaintext", false, "ask another machine over plain http")
	cmd.Flags().DurationVar(&wait, "wait", 30*time.Second, "for how long to ask")
	return cmd
}

// answers asks until there is an answer, or time is up.
func answers(ctx context.Context, flags profile.Flags) error {
	server, err := dial(flags)
	if err != nil {
		return err
	}
	var last error
	for ctx.Err() == nil {
		if _, last = server.Document(ctx, "/.well-known/oauth-authorization-server"); last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return exit.With(exit.Unavailable, fmt.Errorf("%s doesn't answer: %w", server.URL(), errors.Join(last, ctx.Err())))
}
