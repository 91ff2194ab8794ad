package engine

import (
	"context"
	"errors"
	"io"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/issuer"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

// Config is what an Engine works with. All of it is needed.
type Config struct {
	Issuer  string      // this server's issuer identifier (RFC 8414 section 2), byte for byte
	Alg     string      // of new signing keys: ES256, RS256 or EdDSA
	Store   store.Store // read only: the Log writes
	Log     *audit.Log  // the only writer of state
	Image   *live.Image // of Store
	Clock   *live.Clock // never goes back
	Outside *issuer.Set // verifies other issuers' tokens
	Random  io.Reader   // cryptographic
}

// Engine does what Whittle does. It is safe for concurrent use.
type Engine struct {
	Config
	minter   *token.Minter
	verifier *token.Verifier
	memo     memo
}

// New makes an Engine.
func New(c Config) (*Engine, error) {
	if c.Issuer == "" || c.Store == nil || c.Log == nil || c.Image == nil || c.Clock == nil || c.Outside == nil || c.Random == nil {
		return nil, errors.New("engine: a part is missing from the configuration")
	}
	e := &Engine{Config: c, minter: token.NewMinter(c.Issuer, c.Random), verifier: token.NewVerifier(c.Issuer)}
	e.Outside.Configure(outsideConfigs(c.Image.View().Policy.Issuers()))
	return e, nil
}

// commit runs one change of state through the audit log. An error of op's own comes back as it is;
// if the record can't be written, nothing took effect that gives power, and the caller may try again.
func (e *Engine) commit(ctx context.Context, op func(store.Tx) (audit.Entry, error)) error {
	_, err := e.Log.Do(ctx, op)
	if errors.Is(err, audit.ErrUncertain) {
		// It may have been made all the same; what the store says is what holds.
		err = errors.Join(err, e.Image.Reload(context.WithoutCancel(ctx), e.Store))
	}
	if errors.Is(err, audit.ErrUnavailable) || errors.Is(err, audit.ErrUncertain) {
		return unavailable("record", err)
	}
	return err
}
