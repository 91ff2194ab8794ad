package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// quietTime is how long idle connections are waited for when the server stops.
const quietTime = time.Second

// Run serves until ctx is done or a listener fails, and then drains: what is in flight is finished,
// nothing new is taken. The error is nil after an orderly end. Close is still to be called.
func (s *Server) Run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := s.grpc.Serve(s.grpcListener); !errors.Is(err, grpc.ErrServerStopped) {
			return err
		}
		return nil
	})
	group.Go(func() error { return s.serve(s.http, s.httpListener) })
	group.Go(func() error { return s.serve(s.admin, s.adminListener) })
	for _, keep := range s.keepers() {
		group.Go(func() error { keep(running); return nil })
	}
	group.Go(func() error {
		<-running.Done()
		s.drain(context.WithoutCancel(ctx))
		return nil
	})
	s.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	return group.Wait()
}

// keepers are what goes on beside the listeners, each until its context is done.
func (s *Server) keepers() []func(context.Context) {
	keepers := []func(context.Context){
		s.space.follow,
		s.vault.reseal,
		func(ctx context.Context) { s.engine.Keep(ctx, s.complain("housekeeping failed")) },
		func(ctx context.Context) { s.log.KeepSigned(ctx, s.complain("no checkpoint of the audit log")) },
	}
	if s.certificate != nil {
		keepers = append(keepers, s.certificate.follow)
	}
	if s.index != nil {
		keepers = append(keepers, s.keepIndex)
	}
	if s.witnesses != nil {
		keepers = append(keepers, func(ctx context.Context) {
			s.witnesses.Run(ctx, s.complain("a checkpoint of the audit log isn't co-signed"))
		})
	}
	for name := range s.forwarders {
		keepers = append(keepers, func(ctx context.Context) { s.handOn(ctx, name) })
	}
	return keepers
}

// complain logs what went wrong.
func (s *Server) complain(what string) func(error) {
	return func(err error) { s.config.Logger.Error(what, slog.String("error", err.Error())) }
}

func (s *Server) keepIndex(ctx context.Context) {
	failed := s.complain("the index of the audit log isn't kept up")
	s.index.Run(ctx, s.log, func(err error) {
		if err == nil {
			s.config.Logger.Info("the index of the audit log is kept up again")
			return
		}
		failed(err)
	})
}

func (s *Server) serve(server *http.Server, listener net.Listener) error {
	serve := func() error { return server.Serve(listener) }
	if server.TLSConfig != nil {
		serve = func() error { return server.ServeTLS(listener, "", "") }
	}
	err := serve()
	if errors.Is(err, http.ErrServerClosed) || s.draining.Load() && errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// drain ends the listeners in good order. Whoever asks for health is told first, and has DrainDelay to
// act on it, in which all goes on.
func (s *Server) drain(ctx context.Context) {
	s.draining.Store(true)
	s.health.Shutdown()
	time.Sleep(s.config.DrainDelay)
	s.guard.Stop() // the streams, which would never end
	ctx, cancel := context.WithTimeout(ctx, s.config.DrainTime)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.grpc.GracefulStop()
	}()
	s.drainHTTP(ctx)
	select {
	case <-stopped:
	case <-ctx.Done():
		s.grpc.Stop()
		<-stopped
	}
	s.admin.Close()
}

// drainHTTP takes no new connections, and lets those that are open end with their next answer. What
// nobody used for a while is closed.
func (s *Server) drainHTTP(ctx context.Context) {
	s.httpListener.Close()
	quiet, cancel := context.WithTimeout(ctx, quietTime)
	defer cancel()
	for s.open.Load() > 0 && quiet.Err() == nil {
		select {
		case <-quiet.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := s.http.Shutdown(ctx); err != nil {
		s.http.Close()
	}
}

// every does it again and again until ctx is done.
func every(ctx context.Context, period time.Duration, do func()) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}
