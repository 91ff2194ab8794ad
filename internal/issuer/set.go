package issuer

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what the policy says of one issuer.
type Config struct {
	Name       string        // what the policy and our tokens call it
	URL        string        // `iss`, byte for byte
	JWKSURI    string        // empty: found by discovery
	Audiences  []string      // a token must be meant for one of them
	Algorithms []string      // empty: all that are safe
	MaxAge     time.Duration // since `iat`; zero: DefaultMaxAge
	MayAct     bool          // its `may_act` counts
}

// DefaultMaxAge is the most time since `iat` where the configuration names none.
const DefaultMaxAge = 24 * time.Hour

// Set verifies the tokens of all configured issuers. Each issuer has its own keys and its own
// budget of fetches; so has each Set: make one for each purpose, so that a flood in one can't
// starve the other.
type Set struct {
	fetcher *Fetcher
	now     func() time.Time
	memo    memo
	fetches sync.WaitGroup

	mu      sync.Mutex // held by whoever changes issuers
	closed  bool
	issuers atomic.Pointer[map[string]*issuer] // by URL; never changed in place
}

// issuer is one configured issuer. It doesn't change: a new configuration makes a new one.
type issuer struct {
	Config
	keys *source
}

// NewSet makes a Set without issuers. Nothing is fetched before the first token comes.
func NewSet(fetcher *Fetcher, now func() time.Time) *Set {
	s := &Set{fetcher: fetcher, now: now, memo: newMemo()}
	s.issuers.Store(&map[string]*issuer{})
	return s
}

// Configure makes these the issuers whose tokens are taken; their names and URLs are distinct.
// The keys of those whose addresses are unchanged stay, the others' are dropped.
func (s *Set) Configure(configs []Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	before, after := *s.issuers.Load(), make(map[string]*issuer, len(configs))
	for _, cfg := range configs {
		after[cfg.URL] = s.follow(before[cfg.URL], cfg)
	}
	s.issuers.Store(&after)
	for url, was := range before {
		if is := after[url]; is == nil || is.keys != was.keys {
			was.keys.close()
		}
	}
}

// follow is the issuer under cfg, with what is kept of how it was.
func (s *Set) follow(was *issuer, cfg Config) *issuer {
	if was != nil && was.same(cfg) {
		return was
	}
	if was != nil && was.JWKSURI == cfg.JWKSURI {
		return &issuer{Config: cfg, keys: was.keys}
	}
	return s.begin(cfg)
}

func (s *Set) begin(cfg Config) *issuer {
	l := &loader{fetcher: s.fetcher, issuer: cfg.URL, jwksURI: cfg.JWKSURI}
	return &issuer{Config: cfg, keys: newSource(&s.fetches, s.now, l.load)}
}

// Forget drops all that is known of the issuer's keys at once, also what is being fetched. It is
// for issuers and keys that were revoked. The next token makes a new fetch.
func (s *Set) Forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	after := make(map[string]*issuer)
	for url, was := range *s.issuers.Load() {
		after[url] = was
		if was.Name == name && !s.closed {
			after[url] = s.begin(was.Config)
			defer was.keys.close()
		}
	}
	s.issuers.Store(&after)
}

// Close ends all fetches and waits for them. Every later Verify fails.
func (s *Set) Close() {
	s.mu.Lock()
	s.closed = true
	for _, i := range *s.issuers.Load() {
		i.keys.close()
	}
	s.mu.Unlock()
	s.fetches.Wait()
}

func (c *Config) same(other Config) bool {
	return c.Name == other.Name && c.URL == other.URL && c.JWKSURI == other.JWKSURI &&
		slices.Equal(c.Audiences, other.Audiences) && slices.Equal(c.Algorithms, other.Algorithms) &&
		c.MaxAge == other.MaxAge && c.MayAct == other.MayAct
}
