package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/server"
)

func serveCommand() *cobra.Command {
	var c server.Config
	var networks []string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve gRPC, Connect and OAuth on the state in a folder",
		Long: `Serves until it is interrupted, then finishes what is in flight. The first start makes the state, its
key-encryption key and a bootstrap credential, which is printed once and is good for a day: use it to
apply a policy and to make the secrets of its clients.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, n := range networks {
				prefix, err := netip.ParsePrefix(n)
				if err != nil {
					return fmt.Errorf("--allow-network %s: write it as 10.1.0.0/16", n)
				}
				c.AllowNetworks = append(c.AllowNetworks, prefix)
			}
			level := slog.LevelInfo
			if verbose {
				level = slog.LevelDebug
			}
			c.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
			return serve(cmd, c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.DataDir, "data", "", "the folder that the state lives in")
	f.StringVar(&c.KEKFile, "kek", "", "the key-encryption key's file, made at the first start (default: keys/kek in the data folder)")
	f.StringVar(&c.Issuer, "issuer", "", "this server's issuer identifier (default: the HTTP listener's URL, on loopback only)")
	f.StringVar(&c.GRPCAddr, "grpc", "127.0.0.1:9090", "where to serve native gRPC")
	f.StringVar(&c.HTTPAddr, "http", "127.0.0.1:8080", "where to serve Connect, gRPC-Web and OAuth")
	f.StringVar(&c.AdminAddr, "admin", "127.0.0.1:9091", "where to serve health and metrics")
	f.StringVar(&c.CertFile, "tls-cert", "", "certificate chain, PEM")
	f.StringVar(&c.KeyFile, "tls-key", "", "the certificate's key, PEM")
	f.StringSliceVar(&c.CORSOrigins, "cors-origin", nil, "an origin whose pages may call Connect and read keys and metadata")
	f.StringSliceVar(&networks, "allow-network", nil, "a network in which outside issuers live, if that isn't the public Internet")
	f.StringVar(&c.SigningAlg, "signing-alg", "ES256", "of new signing keys: ES256, RS256 or EdDSA")
	f.BoolVar(&c.Reflection, "reflection", false, "serve gRPC reflection")
	f.BoolVar(&c.AcceptClock, "accept-clock", false, "trust the clock although it stands before the newest entry on the record")
	f.BoolVar(&c.NewBootstrap, "new-bootstrap", false, "make a bootstrap credential anew, if every other way in is lost")
	f.BoolVar(&verbose, "verbose", false, "log refused requests too")
	_ = cmd.MarkFlagRequired("data") // it is there
	return cmd
}

func serve(cmd *cobra.Command, c server.Config) error {
	defer server.SettleMemory()()
	s, err := server.New(cmd.Context(), c)
	if err != nil {
		return err
	}
	defer s.Close()
	announce(cmd.OutOrStdout(), s)
	return s.Run(cmd.Context())
}

// announce says where the server is, and who may use it if that is new.
func announce(out io.Writer, s *server.Server) {
	fmt.Fprintf(out, "gRPC %s · Connect and OAuth %s · health and metrics %s\n", s.GRPCAddr(), s.HTTPURL(), s.AdminURL())
	made := s.Bootstrap()
	if made.Client == "" {
		return
	}
	fmt.Fprintf(out, `
This credential is shown once and is good for a day:
  client %s
  secret %s
`, made.Client, made.Secret.Reveal())
}
