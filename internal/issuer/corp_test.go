package issuer

import (
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
)

// clock is set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// corp is an issuer on this host and a Set that takes its tokens.
type corp struct {
	*issuertest.Provider
	*clock
	set *Set
	cfg Config
}

func newCorp(t *testing.T, algorithms ...string) *corp {
	t.Helper()
	c := &corp{clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	var err error
	if c.Provider, err = issuertest.New(c.Now, algorithms...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Provider.Close() })
	c.set = NewSet(NewFetcher(FetcherConfig{Allow: thisHost()}), c.Now)
	t.Cleanup(c.set.Close)
	c.cfg = Config{Name: "corp", URL: c.URL, JWKSURI: c.JWKSURI(), Audiences: []string{"whittle", "https://sts.example.com"}, MaxAge: 2 * time.Hour}
	c.set.Configure([]Config{c.cfg})
	return c
}

func (c *corp) configure(change func(*Config)) {
	change(&c.cfg)
	c.set.Configure([]Config{c.cfg})
}

// token is a good token, but for what over says.
func (c *corp) token(t *testing.T, over map[string]any) string {
	t.Helper()
	text, err := c.Token("ana", "whittle", over)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// signed is a good token with the header members laid over.
func (c *corp) signed(t *testing.T, header, over map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": c.URL, "sub": "ana", "aud": "whittle", "iat": c.Now().Unix(), "exp": c.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(claims, over)
	text, err := c.Sign(header, claims)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (c *corp) want(t *testing.T, name, text string, kind Kind, want error) {
	t.Helper()
	out, err := c.set.Verify(t.Context(), text, kind)
	if !errors.Is(err, want) || (out == nil) != (want != nil) {
		t.Errorf("%s: %v, %v, want %v", name, out, err, want)
	}
}

// rawNull writes null, where nil takes a claim away.
var rawNull = (*int)(nil)
