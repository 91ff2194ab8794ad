package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"golang.org/x/net/netutil"

	"github.com/whittle-sts/whittle/internal/loopback"
)

// listen binds the addresses, so that a port in use shows at the start and port 0 can be asked for.
func (s *Server) listen(ctx context.Context) (err error) {
	if s.config.CertFile != "" {
		if s.certificate, err = loadCertificate(s.config.CertFile, s.config.KeyFile, s.config.Logger); err != nil {
			return err
		}
		oldest := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[s.config.MinTLS]
		s.tls = &tls.Config{MinVersion: oldest, GetCertificate: s.certificate.get}
	}
	if s.grpcListener, err = s.bind(ctx, s.config.GRPCAddr, s.tls == nil); err != nil {
		return err
	}
	if s.httpListener, err = s.bind(ctx, s.config.HTTPAddr, s.tls == nil); err != nil {
		return err
	}
	if s.adminListener, err = s.bind(ctx, s.config.AdminAddr, false); err != nil {
		return err
	}
	if s.config.Issuer == "" {
		if !loopback.Address(s.httpListener.Addr().String()) {
			return fmt.Errorf("no issuer is set, and %s isn't a loopback address", s.httpListener.Addr())
		}
		s.config.Issuer = s.HTTPURL()
	}
	return nil
}

// bind listens on the address. What isn't encrypted may only be reached from this host.
func (s *Server) bind(ctx context.Context, address string, plain bool) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s.onClose(func() error { listener.Close(); return nil }) // it may be closed already
	if plain && s.config.Plaintext == PlaintextLoopback && !loopback.Address(listener.Addr().String()) {
		return nil, fmt.Errorf("%s isn't a loopback address, and there is no TLS certificate (tls.cert, tls.key); "+
			"plaintext: anywhere is for who has something else encrypt", listener.Addr())
	}
	return netutil.LimitListener(listener, s.config.Limits.Connections), nil
}

// GRPCAddr is the address of the native gRPC listener.
func (s *Server) GRPCAddr() string { return s.grpcListener.Addr().String() }

// HTTPURL is the base URL of Connect, gRPC-Web and the OAuth endpoints on this host.
func (s *Server) HTTPURL() string {
	if s.tls != nil {
		return "https://" + s.httpListener.Addr().String()
	}
	return "http://" + s.httpListener.Addr().String()
}

// AdminURL is the base URL of health and metrics.
func (s *Server) AdminURL() string { return "http://" + s.adminListener.Addr().String() }
