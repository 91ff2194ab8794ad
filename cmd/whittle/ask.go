package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/profile"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/remote"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
)

// call is one run of a command that asks a server.
type call struct {
	show.Printer

	ctx    context.Context
	cmd    *cobra.Command
	args   []string
	server *remote.Server
	lost   error // why there is no server: flags, environment and profile don't lead to one
}

// asking gives a command the flags that all commands have which ask a server, and a run that has one.
func asking(cmd *cobra.Command, run func(*call) error) *cobra.Command {
	return reaching(cmd, func(c *call) error {
		if err := c.identified(); err != nil {
			return err
		}
		return run(c)
	})
}

// identified is an error unless there is a server, and a credential for it.
func (c *call) identified() error {
	if c.lost != nil {
		return c.lost
	}
	return c.server.Credential()
}

// reaching is asking for what may go without a credential, or even without a server, which is lost then.
func reaching(cmd *cobra.Command, run func(*call) error) *cobra.Command {
	var flags profile.Flags
	var asJSON bool
	f := cmd.Flags()
	f.StringVar(&flags.URL, "url", "", "the server (WHITTLE_URL; default: the profile's, else http://127.0.0.1:8080)")
	f.StringVar(&flags.Profile, "profile", "", `where the server is and who asks (WHITTLE_PROFILE; default: "default")`)
	f.BoolVar(&flags.Plaintext, "plaintext", false, "ask another machine over plain http")
	f.BoolVar(&asJSON, "json", false, "for programs: a line of JSON each, by the names of the contract")
	_ = cmd.RegisterFlagCompletionFunc("profile", completeProfiles) // it is there
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		server, lost := dial(flags)
		err := run(&call{
			Printer: show.Printer{Out: cmd.OutOrStdout(), JSON: asJSON},
			ctx:     cmd.Context(), cmd: cmd, args: args, server: server, lost: lost,
		})
		if lost != nil {
			return err
		}
		return server.Explain(err)
	}
	return cmd
}

// dial finds the server that flags, environment and profile name.
func dial(flags profile.Flags) (*remote.Server, error) {
	dir, _ := profile.Open() // without a folder there are no profiles, and the rest may do
	at, err := dir.Resolve(flags)
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	return remote.Dial(at)
}

// note tells people on standard error what the answer on standard output doesn't say. Programs that ask
// for JSON have it there.
func (c *call) note(format string, args ...any) {
	if !c.JSON {
		fmt.Fprintf(c.cmd.ErrOrStderr(), format+"\n", args...)
	}
}

// answer prints the message for programs, or the facts for people.
func (c *call) answer(m proto.Message, facts []show.Fact) error {
	if c.JSON {
		return c.Object(m)
	}
	return c.Facts(facts)
}

// group is a command that only holds others.
func group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return exit.With(exit.Usage, fmt.Errorf("say which: %s --help lists them", cmd.CommandPath()))
	}}
	cmd.AddCommand(commands...)
	return cmd
}

// pages gathers what a paged rpc lists, at most so much of it; 0 is all.
func pages[T any](limit int, next func(page string) (items []T, following string, err error)) ([]T, error) {
	var all []T
	for page := ""; ; {
		items, following, err := next(page)
		if err != nil {
			return nil, err
		}
		all = slices.Concat(all, items)
		if limit > 0 && len(all) >= limit {
			return all[:limit], nil
		}
		if page = following; page == "" {
			return all, nil
		}
	}
}
