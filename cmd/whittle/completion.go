package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/profile"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/remote"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that teaches your shell the commands",
		Long: `Prints a completion script for a shell. It also completes the names of profiles and, where a server and a
credential are found within a second, the ids of clients and keys.`,
		Example: `  source <(whittle completion bash)
  whittle completion zsh > "${fpath[1]}/_whittle"
  whittle completion fish > ~/.config/fish/completions/whittle.fish`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(out, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(out)
			case "fish":
				return cmd.Root().GenFishCompletion(out, true)
			default:
				return cmd.Root().GenPowerShellCompletionWithDesc(out)
			}
		},
	}
}

func completeProfiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	dir, err := profile.Open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, _ := dir.List() // whoever completes sees no errors
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completing completes the first argument with what a server lists, if it answers within a second.
func completing(list func(context.Context, *remote.Server) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var flags profile.Flags
		flags.URL, _ = cmd.Flags().GetString("url") // these are there
		flags.Profile, _ = cmd.Flags().GetString("profile")
		flags.Plaintext, _ = cmd.Flags().GetBool("plaintext")
		server, err := dial(flags)
		if err != nil || server.Credential() != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
		defer cancel()
		ids, _ := list(ctx, server) // as above
		var fit []string
		for _, id := range ids {
			if strings.HasPrefix(id, typed) {
				fit = append(fit, id)
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp
	}
}

func clientIDs(ctx context.Context, s *remote.Server) (ids []string, err error) {
	res, err := s.Clients().ListClients(ctx, &whittlev1.ListClientsRequest{PageSize: 1000})
	for _, c := range res.GetClients() {
		ids = append(ids, c.GetId())
	}
	return ids, err
}

func keyIDs(ctx context.Context, s *remote.Server) (ids []string, err error) {
	res, err := s.Keys().ListKeys(ctx, &whittlev1.ListKeysRequest{})
	for _, k := range res.GetKeys() {
		ids = append(ids, k.GetId())
	}
	return ids, err
}
