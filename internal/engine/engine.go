package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/issuer"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

// Config is what an Engine works with. All of it down to Random is needed.
type Config struct {
	Issuer  string      // this server's issuer identifier (RFC 8414 section 2), byte for byte
	Alg     string      // of new signing keys: ES256, RS256 or EdDSA
	Store   store.Store // read only: the Log writes
	Log     *audit.Log  // the only writer of state
	Image   *live.Image // of Store
	Clock   *live.Clock // never goes back
	Outside *issuer.Set // verifies other issuers' tokens
	Vault   Vault       // seals the Store
	Random  io.Reader   // cryptographic

	// Guide makes searches of the log fast; nil: they read it.
	Guide audit.Guide
	// Room says why nothing may be issued for want of space on the disk; nil: there always is room. What takes
	// power away doesn't ask: it has a reserve.
	Room func() error

	// Retention is how long bodies of the log's entries are kept, by their class; one that isn't named is kept for
	// good.
	Retention map[audit.Class]time.Duration

	// RevocationShare is how many live revocations of its own tokens a client may have; 0: any number.
	RevocationShare int
}

// Engine does what Whittle does. It is safe for concurrent use.
type Engine struct {
	// as in Config: nobody reaches past the engine to what changes state
	issuer  string
	alg     string
	store   store.Store
	log     *audit.Log
	image   *live.Image
	clock   *live.Clock
	outside *issuer.Set
	vault   Vault
	random  io.Reader
	guide   audit.Guide
	space   func() error
	keep    map[audit.Class]time.Duration
	share   int

	minter   *token.Minter
	verifier *token.Verifier
	memo     memo
	familiar familiar

	policies sync.Mutex  // held while a policy is put to work, so that an older one never comes last
	access   sync.Mutex  // held while who may administer is judged and changed
	doubtful atomic.Bool // the image may be older than the store
	copying  atomic.Bool // a backup is being made
	traces   atomic.Bool // what was erased may have left traces in the store's free space

	retention *audit.Retention // housekeeping alone uses it
	uncovered atomic.Uint64    // uses of scopes that the token doesn't hold
}

// New makes an Engine.
func New(c Config) (*Engine, error) {
	if c.Issuer == "" || c.Store == nil || c.Log == nil || c.Image == nil || c.Clock == nil || c.Outside == nil || c.Vault == nil || c.Random == nil {
		return nil, errors.New("engine: a part is missing from the configuration")
	}
	e := &Engine{
		issuer: c.Issuer, alg: c.Alg, store: c.Store, log: c.Log, image: c.Image, clock: c.Clock, outside: c.Outside,
		vault: c.Vault, random: c.Random, guide: c.Guide, space: c.Room, keep: c.Retention, share: c.RevocationShare,
		minter: token.NewMinter(c.Issuer, c.Random), verifier: token.NewVerifier(c.Issuer),
		memo: newMemo(), familiar: newFamiliar(), retention: audit.NewRetention(c.Log),
	}
	e.traces.Store(true) // an erasure may have been the last thing that was done
	if err := e.checkNames(c.Image.View().Policy); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e.followIssuers()
	return e, nil
}

// Issuer is this server's issuer identifier (RFC 8414 section 2).
func (e *Engine) Issuer() string { return e.issuer }

// commit runs one change of state through the audit log. An error of op's own comes back as it is;
// if the record can't be written, nothing took effect that gives power, and the caller may try again.
func (e *Engine) commit(ctx context.Context, op func(store.Tx) (audit.Entry, error)) error {
	_, err := e.commitAt(ctx, op)
	return err
}

// commitAt is commit for who wants to know where the entry is.
func (e *Engine) commitAt(ctx context.Context, op func(store.Tx) (audit.Entry, error)) (index uint64, err error) {
	if err := e.settle(ctx); err != nil {
		return 0, unavailable("store", err)
	}
	index, err = e.log.Do(ctx, op)
	if errors.Is(err, audit.ErrUncertain) {
		e.doubtful.Store(true)
		err = errors.Join(err, e.settle(ctx))
	}
	for _, cause := range []error{audit.ErrUnavailable, audit.ErrUncertain, audit.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			return 0, unavailable("record", err)
		}
	}
	return index, err
}

// room says whether there is enough space to give power: below a floor, what is left is for taking it away.
func (e *Engine) room() error {
	if e.space == nil {
		return nil
	}
	if err := e.space(); err != nil {
		full := unavailable("disk_full", err)
		full.Description = "the server is short of disk space, so nothing is issued; revoking goes on"
		return full
	}
	return nil
}

// settle reads the state anew after a change that may have been made though it wasn't answered: what
// the store says is what holds. If that fails, nothing is changed before it succeeded.
func (e *Engine) settle(ctx context.Context) error {
	if !e.doubtful.CompareAndSwap(true, false) {
		return nil
	}
	return e.reload(ctx)
}

// reload makes the image of what the store holds, to show keys and credentials that are durable now.
func (e *Engine) reload(ctx context.Context) error {
	if err := e.image.Reload(context.WithoutCancel(ctx), e.store); err != nil {
		e.doubtful.Store(true)
		return unavailable("store", err)
	}
	e.followIssuers()
	return nil
}

// followIssuers takes the tokens of the issuers that the current policy names.
func (e *Engine) followIssuers() {
	e.policies.Lock()
	defer e.policies.Unlock()
	e.outside.Configure(outsideConfigs(e.image.View().Policy.Issuers()))
}
