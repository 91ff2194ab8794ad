package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/index"
	"github.com/whittle-sts/whittle/internal/issuer"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/witness"
	"github.com/whittle-sts/whittle/server/guard"
	"github.com/whittle-sts/whittle/server/rpc"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/anchored"
	"github.com/whittle-sts/whittle/store/bolt"
)

// openStore opens the database with its secrets sealed and its age anchored.
func (s *Server) openStore(ctx context.Context) error {
	place, err := s.config.Place()
	if err != nil {
		return err
	}
	db, err := bolt.Open(bolt.Config{Path: place.Database(), Reserve: s.config.Reserve})
	if err != nil {
		return err
	}
	s.space = newSpace(s.config, place, db)
	closeStore := db.Close
	s.onClose(func() error { return closeStore() })
	if s.vault, err = s.openVault(ctx, db, place.KEK); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(place.Anchor), 0o700); err != nil {
		return err
	}
	kept, err := anchored.Open(ctx, anchored.Config{
		Store: s.vault, Path: place.Anchor, Random: s.config.Random,
	})
	if errors.Is(err, anchored.ErrRolledBack) {
		return fmt.Errorf("%w; to go on from an older copy, put the newest back and run whittle restore COPY: by hand, "+
			"what was revoked since would come back unseen", err)
	}
	if err != nil {
		return err
	}
	s.store, closeStore = watch(kept, s.config.Elapsed), kept.Close
	return nil
}

// startClock starts the clock that never goes back, not even before what the store has seen.
func (s *Server) startClock(ctx context.Context) error {
	return s.store.View(ctx, func(r store.Reader) error {
		meta, err := r.Meta()
		s.clock = live.NewClock(s.config.Now, s.config.Elapsed, meta.Time, s.config.AcceptClock)
		return err
	})
}

// openLog starts the one writer of state.
func (s *Server) openLog(context.Context) (err error) {
	s.log, err = audit.Open(audit.Config{Store: s.store, Now: s.clock.Now, Random: s.config.Random,
		Issuer: s.config.Issuer, Room: s.space.room, Uses: s.config.RecordUses})
	if err != nil {
		return err
	}
	s.onClose(s.closeLog)
	s.compareIssuer()
	return nil
}

// compareIssuer tells if the state began under another issuer. The log's name has that one for as long as the
// generation lasts; no other trace of it is kept.
func (s *Server) compareIssuer() {
	if began := checkpoint.Place(s.log.Origin()); began != checkpoint.PlaceOf(s.config.Issuer) {
		s.config.Logger.Warn("the issuer is another than when this state began: no token that was issued under the other one is active, "+
			"and whoever verifies tokens has to be told the new one", slog.String("began", began), slog.String("issuer", s.config.Issuer))
	}
}

// openIndex opens what makes searches of the log fast. Without it they read the log, so it stops nobody from serving.
func (s *Server) openIndex(ctx context.Context) error {
	place, err := s.config.Place()
	if err != nil {
		return err
	}
	s.index, err = index.Open(ctx, index.Config{Path: place.Index(), Store: s.store, Room: s.space.room})
	if err != nil {
		s.config.Logger.Error("searches of the audit log are slow: its index can't be opened", slog.String("error", err.Error()))
		return ctx.Err()
	}
	s.onClose(s.index.Close)
	return nil
}

// guide is the index, if there is one.
func (s *Server) guide() audit.Guide {
	if s.index == nil {
		return nil
	}
	return s.index
}

// findWitnesses makes what has the log's checkpoints co-signed, if anybody shall.
func (s *Server) findWitnesses(context.Context) (err error) {
	if len(s.config.Witnesses) == 0 {
		return nil
	}
	witnesses := make([]witness.Witness, len(s.config.Witnesses))
	for i, text := range s.config.Witnesses {
		witnesses[i] = witness.Parse(text)
	}
	s.witnesses, err = witness.New(s.log, witnesses, cmp.Or(s.config.WitnessQuorum, len(s.config.Witnesses)))
	return err
}

// closeLog ends the log and signs how it ended, if nothing has gone wrong: the next start signs it too.
func (s *Server) closeLog() error {
	s.log.Close()
	_, err := s.log.Sign(context.Background())
	return err
}

func (s *Server) loadImage(ctx context.Context) (err error) {
	s.image, err = live.Load(ctx, s.store)
	return err
}

// followIssuers makes what fetches outside issuers' keys. Which issuers, the policy says.
func (s *Server) followIssuers(context.Context) error {
	fetcher := issuer.NewFetcher(issuer.FetcherConfig{Allow: s.config.AllowNetworks})
	s.outside = issuer.NewSet(fetcher, s.clock.Now)
	s.onClose(func() error { s.outside.Close(); return nil })
	return nil
}

func (s *Server) startEngine(context.Context) (err error) {
	s.engine, err = engine.New(engine.Config{
		Issuer: s.config.Issuer, Alg: s.config.SigningAlg, Store: s.store, Log: s.log, Image: s.image,
		Clock: s.clock, Outside: s.outside, Vault: s.vault, Random: s.config.Random,
		Retention: s.config.Retention.classes(), RevocationShare: s.config.Limits.Revocations, Room: s.space.room, Guide: s.guide(),
	})
	return err
}

func (s *Server) recordClock(ctx context.Context) error { return s.engine.RecordClock(ctx) }

// setGuard puts the guard before the services.
func (s *Server) setGuard(context.Context) (err error) {
	s.services = rpc.New(s.engine)
	s.guard, err = guard.New(guard.Config{
		Authenticator: clientauth.New(s.image, s.clock.Now),
		Recorder:      s.engine,
		Services:      rpc.Descriptors(),
		Registry:      s.registry,
		Logger:        s.config.Logger,
		Now:           s.config.Now,
		Timeout:       s.config.Limits.Time,
		Rates:         s.config.Limits.Rates,
		Random:        s.config.Random,
		Sample:        s.config.LogSample,
		Tracer:        s.config.Tracer,
	})
	return err
}
