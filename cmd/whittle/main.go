// Command whittle is a security token service: it trades broad tokens for narrow, short-lived ones
// (RFC 8693), says whether they are still good, and takes them back at once.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // whoever asks twice doesn't wait
	err := run(ctx, root())
	stop()
	os.Exit(int(exit.Of(err, exit.Failed)))
}

// run executes a command and says what went wrong. What a command returns without a code has failed; what
// cobra objects to before one runs is usage.
func run(ctx context.Context, cmd *cobra.Command) error {
	began := false
	noticing(cmd, &began)
	ran, err := cmd.ExecuteContextC(ctx)
	if err == nil {
		return nil
	}
	if !began {
		if strings.Contains(err.Error(), "unknown shorthand flag") {
			err = fmt.Errorf("%w\nan id that begins with a dash goes behind --", err)
		}
		err = exit.With(exit.Usage, fmt.Errorf("%w\n%s --help says how to use it", err, ran.CommandPath()))
	}
	fmt.Fprint(cmd.ErrOrStderr(), show.Lines("whittle: "+hushed(err.Error()))) // a server's words may be in it
	return err
}

// noticing sets began when a command or one below it runs.
func noticing(cmd *cobra.Command, began *bool) {
	if do := cmd.RunE; do != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*began = true
			return do(cmd, args)
		}
	}
	for _, c := range cmd.Commands() {
		noticing(c, began)
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "whittle",
		Short: "A security token service: narrower, always; gone at once; on the record",
		Long: `Whittle trades a broad token for one that is good for one task, for minutes, for one audience (RFC 8693),
says whether a token is still good, and takes it back at once.

The commands find the server and who asks by flags (--url, --profile), then the environment (WHITTLE_URL,
WHITTLE_PROFILE, WHITTLE_CLIENT_ID, WHITTLE_CLIENT_SECRET or WHITTLE_CLIENT_SECRET_FILE), then the profile
("default" if none is named). Secrets and tokens come from standard input, files and the environment, never
from arguments, which others can see.

` + exit.Help,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.AddCommand(
		auditCommand(),
		backupCommand(),
		checkCommand(),
		clientCommand(),
		completionCommand(),
		configCommand(),
		demoCommand(),
		devCommand(),
		healthCommand(),
		initCommand(),
		keyCommand(),
		policyCommand(),
		privacyCommand(),
		profileCommand(),
		readyCommand(),
		reportCommand(),
		referenceCommand(),
		restoreCommand(),
		revocationCommand(),
		serveCommand(),
		tokenCommand(),
		versionCommand(),
		whyCommand(),
	)
	return cmd
}
