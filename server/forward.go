package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whittle-sts/whittle/internal/forward"
)

// Forward is who gets the audit log's entries. What is empty gets none.
type Forward struct {
	File     string // a file of JSON lines
	FileSize int    // bytes at which another is begun. Default: 64 MiB
	FileKeep int    // how many of the full ones are kept. Default: all

	Webhook string // a URL: https, or http on a loopback address
	// Secret is where the secrets come from that sign what is posted: a path or file:PATH, or env:NAME.
	Secret string
}

// maxSecret is the bytes of a file of secrets.
const maxSecret = 4 << 10

func (f Forward) check() error {
	if f.Webhook == "" {
		return nil
	}
	if err := forward.CheckURL(f.Webhook); err != nil {
		return err
	}
	if f.Secret == "" {
		return errors.New("forward: a webhook needs a secret that signs what is posted")
	}
	if strings.HasPrefix(f.Secret, "whsec_") { // don't show it
		return errors.New("forward: the webhook's secret itself is no setting: name a file that holds it, or env:NAME")
	}
	return nil
}

// secrets reads the secrets. They are asked for at each post, so that a file can be changed while serving.
func (f Forward) secrets() ([]forward.Secret, error) {
	name, isVariable := strings.CutPrefix(f.Secret, "env:")
	if isVariable {
		secrets, err := forward.ParseSecrets(os.Getenv(name))
		if err != nil {
			err = fmt.Errorf("the variable %s: %w", name, err)
		}
		return secrets, err
	}
	path := strings.TrimPrefix(f.Secret, "file:")
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSecret))
	if err != nil {
		return nil, err
	}
	secrets, err := forward.ParseSecrets(string(text))
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return secrets, err
}

// openForwarders makes what hands the log on. A secret that can't be read, or a cursor, is a mistake to be told at the start.
func (s *Server) openForwarders(ctx context.Context) error {
	f := s.config.Forward
	s.forwarders = make(map[string]*forward.Forwarder)
	if f.File != "" {
		to := &forward.File{Path: f.File, Size: int64(f.FileSize), Keep: f.FileKeep}
		if err := s.forwardTo(ctx, "file", to); err != nil {
			return err
		}
		s.onClose(to.Close)
	}
	if f.Webhook == "" {
		return nil
	}
	if err := s.config.checkForwarding(); err != nil {
		return err
	}
	return s.forwardTo(ctx, "webhook", &forward.Webhook{
		URL: f.Webhook, Secrets: f.secrets, Log: s.log.Origin(), Now: s.config.Now, Client: forward.NewClient(),
	})
}

func (s *Server) forwardTo(ctx context.Context, name string, to forward.Receiver) (err error) {
	s.forwarders[name], err = forward.New(ctx, forward.Config{
		Log: s.log, To: to, Random: s.config.Random, Cursor: filepath.Join(s.config.DataDir, "forward", name+".cursor"),
	})
	return err
}

// handOn hands the log on to one receiver.
func (s *Server) handOn(ctx context.Context, name string) {
	s.forwarders[name].Run(ctx, func(err error) {
		s.config.Logger.Error("entries of the audit log can't be handed on now", slog.String("to", name), slog.String("error", err.Error()))
	})
}

func (s *Server) measureForwarding() {
	for name, f := range s.forwarders {
		labels := prometheus.Labels{"to": name}
		s.gauge("whittle_forward_entries_behind", "Entries of the audit log that the receiver hasn't confirmed.", labels, func() float64 {
			size := s.log.Size()
			return float64(size - min(f.Next(), size))
		})
		s.gauge("whittle_forward_lag_seconds", "How old the oldest entry of the audit log is that the receiver hasn't confirmed; 0 while it has all.", labels, func() float64 {
			since, err := f.Since(context.Background())
			if err != nil {
				return math.NaN()
			}
			return s.age(since)
		})
		s.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "whittle_forward_failures_total", Help: "Times that the receiver of the audit log didn't take entries. They are sent again.", ConstLabels: labels,
		}, func() float64 { return float64(f.Failures()) }))
	}
}
