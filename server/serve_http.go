package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"

	"github.com/whittle-sts/whittle/server/guard"
	"github.com/whittle-sts/whittle/server/oauth"
	"github.com/whittle-sts/whittle/server/tiles"
)

// compressFrom is the bytes from which an answer is compressed, if the caller takes that. Most are
// far smaller, and compressing them would cost more than all the rest of the request.
const compressFrom = 16 << 10

// writeTime is how long writing an answer may take, or one message of a stream.
const writeTime = time.Minute

// sendTime is how long a request may be under way, beyond what answering it may take.
const sendTime = 10 * time.Second

// httpStreams is how many requests one HTTP/2 connection has in flight at most: clients open another when they want more, and a
// stranger has less for its connection.
const httpStreams = 250

// serveHTTP makes the HTTP server: Connect, gRPC-Web and OAuth on one listener, over HTTP/1.1 and
// HTTP/2, the latter also without TLS on loopback addresses.
func (s *Server) serveHTTP(context.Context) error {
	public := s.crossOrigin()
	mux := http.NewServeMux()
	if err := oauth.New(s.engine, s.guard, s.config.Limits.Body).Register(mux, public); err != nil {
		return err
	}
	if err := tiles.New(s.log, s.config.Limits.Time).Register(mux, s.config.Issuer, public); err != nil {
		return err
	}
	rpc := connect.NewServer(s.guard.Interceptor())
	s.services.RegisterConnect(rpc)
	connecthttp.Mount(wrapped{mux, func(pattern string, handler http.Handler) http.Handler {
		if s.guard.Streams(pattern) {
			handler = unhurried(handler)
		}
		return public(guard.Timed(handler))
	}}, rpc, connecthttp.WithCodecs(guard.ConnectCodecs()...),
		connecthttp.WithReadMaxBytes(s.config.Limits.Message), connecthttp.WithCompressMinBytes(compressFrom))
	s.http = s.newHTTPServer(s.leaving(mux))
	s.http.ConnState, s.http.ConnContext = s.count, guard.WithVisit
	if s.tls != nil {
		s.http.TLSConfig = s.tls.Clone()
	}
	return nil
}

func (s *Server) newHTTPServer(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(s.tls != nil)
	protocols.SetUnencryptedHTTP2(s.tls == nil)
	server := &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: min(s.config.Limits.Streams, httpStreams)},
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       s.config.Limits.Time + sendTime, // its end also ends what is being answered
		WriteTimeout:      s.config.Limits.Time + writeTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    s.config.Limits.Header,
		ErrorLog:          slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelDebug),
	}
	s.onClose(server.Close)
	return server
}

// leaving tells callers of a server that stops to take another connection next time, to another server
// if there is one, and so those whom half the time has gone by that they have to prove themselves: they may read what is public for
// as long as they like, on one connection after the other. Over HTTP/2 net/http makes a GOAWAY of it. Closing what just stands idle would cross
// requests that are on their way.
func (s *Server) leaving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() || guard.VisitOf(r.Context()).Lasted(s.config.Limits.Unknown/2) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// count keeps the number of open connections.
func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	default:
	}
}

// crossOrigin lets the scripts of the configured origins call what it wraps (Fetch standard, CORS).
// Browsers never add credentials of their own: whoever calls brings its own Authorization header.
func (s *Server) crossOrigin() func(http.Handler) http.Handler {
	if len(s.config.CORSOrigins) == 0 {
		return func(h http.Handler) http.Handler { return h }
	}
	return cors.New(cors.Options{
		AllowedOrigins:   s.config.CORSOrigins,
		AllowedMethods:   connectcors.AllowedMethods(),
		AllowedHeaders:   append(connectcors.AllowedHeaders(), "Authorization", guard.Traceparent),
		ExposedHeaders:   append(connectcors.ExposedHeaders(), "WWW-Authenticate", guard.RequestID),
		AllowCredentials: false,
		MaxAge:           7200,
	}).Handler
}

// wrapped is a mux whose handlers are wrapped.
type wrapped struct {
	mux  *http.ServeMux
	wrap func(pattern string, handler http.Handler) http.Handler
}

// Handle registers the wrapped handler.
func (w wrapped) Handle(pattern string, handler http.Handler) {
	w.mux.Handle(pattern, w.wrap(pattern, handler))
}
