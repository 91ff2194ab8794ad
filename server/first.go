package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/document"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/store"
)

// maxPolicy is more than a policy may have, so that one that is too long is said to be.
const maxPolicy = 3 << 20

// loadPolicy puts the policy's file into a store that has no policy. In any other the store's word counts: if
// the file says something else, that is said, and nothing more, or a restart would undo what was applied.
func (s *Server) loadPolicy(ctx context.Context) error {
	file := s.config.PolicyFile
	if file == "" {
		return nil
	}
	version := s.image.View().Policy.Version()
	yaml, err := readFile(file)
	if err != nil && version == 0 {
		return err
	}
	if version == 0 {
		return s.firstPolicy(ctx, yaml)
	}
	var current store.Policy
	viewed := s.store.View(ctx, func(r store.Reader) (err error) {
		current, err = r.Policy(version)
		return err
	})
	if viewed != nil {
		return viewed
	}
	log := s.config.Logger.With(slog.String("file", file), slog.Uint64("in_force", version))
	switch {
	case err != nil:
		log.Warn("the policy file can't be read; the policy in the store stays in force", slog.String("error", err.Error()))
	case !bytes.Equal(yaml, current.YAML):
		log.Warn("the policy file is not the policy in force: a file is loaded only into an empty store",
			slog.String("see", "whittle policy diff "+file), slog.String("apply", "whittle policy apply "+file))
	}
	return nil
}

// firstPolicy makes the document version 1, on the record. One with problems isn't served without.
func (s *Server) firstPolicy(ctx context.Context, yaml []byte) error {
	file := s.config.PolicyFile
	_, err := s.engine.FirstPolicy(ctx, yaml, "the first policy, from "+filepath.Base(file))
	if problems, ok := errors.AsType[*document.Problems](err); ok {
		return fmt.Errorf("%s has problems; nothing was applied\n%w", file, problems)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	s.config.Logger.Info("policy loaded", slog.String("file", file), slog.Uint64("in_force", 1))
	return nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxPolicy))
}

// firstStart makes the first signing key and the bootstrap credential, if there are none.
func (s *Server) firstStart(ctx context.Context) (err error) {
	s.bootstrap, err = s.engine.Bootstrap(ctx, s.config.NewBootstrap, func(made engine.Credential) error {
		if s.config.ShowBootstrap == nil {
			return nil
		}
		return s.config.ShowBootstrap(made.Client, made.Secret)
	})
	return err
}

// Prepare makes a new state as the first start would, with a secret for each of the clients, which the policy's
// file must name, and serves nothing. The bootstrap credential is the first of what it returns.
func Prepare(ctx context.Context, c Config, clients ...string) (made []engine.Credential, err error) {
	if c, err = c.complete(); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	if c.Issuer == "" {
		c.Issuer = "http://" + c.HTTPAddr
	}
	s := &Server{config: c}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := perform(ctx, s.stateSteps()); err != nil {
		return nil, err
	}
	if s.bootstrap.Client == "" {
		return nil, errors.New("this state was started before")
	}
	caller, err := clientauth.New(s.image, s.clock.Now).Authenticate(clientauth.Credentials{
		Method: clientauth.SecretBasic, ClientID: s.bootstrap.Client, Secret: s.bootstrap.Secret,
	}, clientauth.Origin{})
	if err != nil {
		return nil, err
	}
	made = append(made, s.bootstrap)
	for _, client := range clients {
		secret, err := s.engine.CreateSecret(ctx, caller, client, 0)
		if err != nil {
			return nil, fmt.Errorf("client %s: %w", client, err)
		}
		made = append(made, secret)
	}
	return made, nil
}
