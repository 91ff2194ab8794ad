package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/loopback"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

const (
	// askEvery is how far apart rounds are: often enough that little is unwitnessed, rarely enough that a public
	// witness bears it.
	askEvery = 5 * time.Second
	// askTime is how long one witness may take.
	askTime = 10 * time.Second
)

// Witness is who co-signs.
type Witness struct {
	URL string // its submission prefix: https, or http on a loopback address
	Key string // its verifier key (C2SP tlog-cosignature, type 0x04)
}

// Parse reads a witness as settings have it: URL, space, verifier key. What is wrong with it, [New] says.
func Parse(text string) Witness {
	url, key, _ := strings.Cut(text, " ")
	return Witness{URL: url, Key: strings.TrimSpace(key)}
}

// Log is what is co-signed.
type Log interface {
	Verifier() string
	Signed() (store.Checkpoint, bool)
	Witnessed() (store.Checkpoint, bool)
	Consistency(ctx context.Context, older, newer uint64) ([]tree.Hash, error)
	// KeepWitnessed makes a checkpoint that enough witnesses have co-signed durable, and shows it.
	KeepWitnessed(ctx context.Context, c store.Checkpoint) error
}

// Keeper keeps a log witnessed.
type Keeper struct {
	log    Log
	keys   []string // of the witnesses
	quorum int
	signer string // the log's key that trust is in
	trust  *checkpoint.Trust
	peers  []*peer
	told   map[string]string // the last problem with each witness, so that it is told once
}

// New makes a Keeper. So many of the witnesses must co-sign before a checkpoint counts as witnessed.
func New(log Log, witnesses []Witness, quorum int) (*Keeper, error) {
	keys := make([]string, len(witnesses))
	for i, w := range witnesses {
		keys[i] = w.Key
	}
	if quorum < 1 {
		return nil, errors.New("witnesses: at least one has to co-sign")
	}
	client := &http.Client{Timeout: askTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	k := &Keeper{log: log, keys: keys, quorum: quorum, told: make(map[string]string)}
	if err := k.follow(); err != nil {
		return nil, err
	}
	for _, w := range witnesses {
		if err := checkURL(w.URL); err != nil {
			return nil, err
		}
		k.peers = append(k.peers, &peer{Witness: w, client: client})
	}
	return k, nil
}

// follow trusts the key that the log signs with now.
func (k *Keeper) follow() error {
	signer := k.log.Verifier()
	if signer == k.signer {
		return nil
	}
	trust, err := checkpoint.NewTrust(signer, k.keys, k.quorum)
	if err != nil {
		return fmt.Errorf("witnesses: %w", err)
	}
	k.signer, k.trust = signer, trust
	return nil
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("witness %q: needs a host, and neither user, query nor fragment", text)
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopback.Host(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("witness %q: must be https, or http on a loopback address", text)
}

// Run has what is signed co-signed until ctx is done. Each problem is told once.
func (k *Keeper) Run(ctx context.Context, failed func(error)) {
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		if err := k.Round(ctx); ctx.Err() == nil {
			k.tell(err, failed)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// peerError is a problem with one witness.
type peerError struct {
	url string
	err error
}

func (e *peerError) Error() string { return "witness " + e.url + ": " + e.err.Error() }
func (e *peerError) Unwrap() error { return e.err }

// tell passes on what is new.
func (k *Keeper) tell(err error, failed func(error)) {
	now := make(map[string]string)
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			where := ""
			if p, ok := errors.AsType[*peerError](e); ok {
				where = p.url
			}
			if now[where] = e.Error(); k.told[where] != e.Error() {
				failed(e)
			}
		}
	}
	k.told = now
}

// Round asks all witnesses about the newest checkpoint. It is witnessed, and kept as such, if enough co-sign; what the others
// did wrong is in the error all the same.
func (k *Keeper) Round(ctx context.Context) error {
	if err := k.follow(); err != nil {
		return err
	}
	c, ok := k.log.Signed()
	if last, witnessed := k.log.Witnessed(); !ok || witnessed && last.Size == c.Size {
		return nil
	}
	lines, problems := make([][]byte, len(k.peers)), make([]error, len(k.peers)+1)
	var asking sync.WaitGroup
	for i, p := range k.peers {
		asking.Go(func() {
			var err error
			if lines[i], err = p.cosign(ctx, k.log, c); err != nil {
				problems[i] = &peerError{p.URL, err}
			}
		})
	}
	asking.Wait()
	note := c.Note
	for i, p := range k.peers {
		if lines[i] == nil {
			continue
		}
		with, err := k.trust.Add(note, lines[i])
		if err != nil {
			problems[i] = &peerError{p.URL, fmt.Errorf("%w: %w", errAnswer, err)}
			continue
		}
		note = with
	}
	if s, err := k.trust.Open(note); err != nil {
		problems[len(k.peers)] = err
	} else if s.Witnessed {
		problems[len(k.peers)] = k.log.KeepWitnessed(ctx, store.Checkpoint{Witnessed: true, Size: c.Size, Root: c.Root, Note: note})
	}
	return errors.Join(problems...)
}
