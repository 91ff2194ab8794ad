package main

import (
	"cmp"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/profile"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/starter"
)

func initCommand() *cobra.Command {
	var o starter.Options
	var dev bool
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a folder to begin with: settings, policy, keys and state",
		Long: `Writes whittle.yaml, a policy.yaml to start from, the keys and the state into a folder, this one if none is
named; prints the bootstrap credential once, and keeps it in a profile so that the commands find the server
and the credential. The folder must be empty, or not there yet; nothing that is there is replaced.

With --dev it also makes a development issuer, and secrets for an agent and a resource server in profiles of
their own, and prints commands to paste: a first exchange, introspection, refusal and revocation.`,
		Example: "  whittle init /srv/whittle\n  whittle init --dev whittle-dev",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.Dir, err = filepath.Abs(cmp.Or(append(args, ".")...)); err != nil {
				return err
			}
			if o.Profiles, err = profile.Open(); err != nil {
				return err
			}
			if !dev {
				o.Issuer = ""
			}
			made, err := starter.Make(cmd.Context(), o)
			if err != nil {
				return err
			}
			return made.Tell(cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.BoolVar(&dev, "dev", false, "for development: an issuer on this machine, an agent and a resource server with secrets")
	f.StringVar(&o.Profile, "profile", profile.Default,
		"the bootstrap credential's profile; with another name than default, those of --dev begin with it")
	f.StringVar(&o.GRPC, "grpc", cmp.Or(os.Getenv("WHITTLE_LISTEN_GRPC"), "127.0.0.1:9090"),
		"where to serve native gRPC (WHITTLE_LISTEN_GRPC)")
	f.StringVar(&o.HTTP, "http", cmp.Or(os.Getenv("WHITTLE_LISTEN_HTTP"), "127.0.0.1:8080"),
		"where to serve Connect, gRPC-Web and OAuth (WHITTLE_LISTEN_HTTP)")
	f.StringVar(&o.Admin, "admin", cmp.Or(os.Getenv("WHITTLE_LISTEN_ADMIN"), "127.0.0.1:9091"),
		"where to serve health and metrics (WHITTLE_LISTEN_ADMIN)")
	f.StringVar(&o.Issuer, "dev-issuer", cmp.Or(os.Getenv("WHITTLE_DEV_ISSUER"), "http://127.0.0.1:9400"),
		"the development issuer's URL, on loopback (WHITTLE_DEV_ISSUER)")
	return cmd
}
