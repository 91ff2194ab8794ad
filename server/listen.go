package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"

	"golang.org/x/net/netutil"
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
	if s.grpcListener, err = s.bind(ctx, "grpc", s.config.GRPCAddr, s.config.mayServe); err != nil {
		return err
	}
	if s.httpListener, err = s.bind(ctx, "http", s.config.HTTPAddr, s.config.mayServe); err != nil {
		return err
	}
	limits := s.config.Limits
	s.grpcListener = receive(s.grpcListener, limits.Connections, limits.Unknown, &s.refused)
	s.httpListener = receive(s.httpListener, limits.Connections, limits.Unknown, &s.refused)
	if s.adminListener, err = s.bind(ctx, "admin", s.config.AdminAddr, anywhere); err != nil {
		return err
	}
	for _, warning := range s.config.Warnings() {
		s.config.Logger.Warn(warning)
	}
	if err := s.config.mayName(s.httpListener.Addr()); err != nil {
		return err
	}
	s.config.Issuer = cmp.Or(s.config.Issuer, s.HTTPURL())
	return nil
}

// anywhere is for what has no secrets.
func anywhere(net.Addr) error { return nil }

// bind listens on the address, which the setting of that name below `listen` says, if where that leads is allowed.
func (s *Server) bind(ctx context.Context, name, address string, allowed func(net.Addr) error) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w; another address is chosen by listen.%s in the settings' file, WHITTLE_LISTEN_%s or --%[2]s", err, name, strings.ToUpper(name))
	}
	s.onClose(func() error { listener.Close(); return nil }) // it may be closed already
	if err := allowed(listener.Addr()); err != nil {
		return nil, err
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
