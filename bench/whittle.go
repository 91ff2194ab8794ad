package main

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"strings"

	"github.com/whittle-sts/whittle/server"
)

// serveWhittle serves as `whittle serve` does: the embedded store in the folder, durable audit, guard,
// limits, metrics, and a log of what goes wrong. Only TLS is off, as it is for the floors.
func serveWhittle(ctx context.Context, folder string) (Ready, error) {
	s, err := server.New(ctx, server.Config{
		DataDir: folder, GRPCAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0",
		Issuer:        "http://127.0.0.1",                                   // the same after a restart, whatever the port
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, // the outside issuer is the load generator
		Logger:        slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return Ready{}, err
	}
	release := server.SettleMemory()
	go func() {
		defer release()
		s.Run(ctx)
	}()
	made := s.Bootstrap()
	return Ready{
		GRPC: s.GRPCAddr(), HTTP: strings.TrimPrefix(s.HTTPURL(), "http://"),
		Client: made.Client, Secret: made.Secret.Reveal(),
	}, nil
}
