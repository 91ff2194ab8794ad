package issuer

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
)

// fetched checks how often the keys were asked for so far.
func (c *corp) fetched(t *testing.T, when string, want int) {
	t.Helper()
	if keys, _ := c.Fetches(); keys != want {
		t.Errorf("%s: %d fetches, want %d", when, keys, want)
	}
}

func TestConfigureKeepsTheKeysOfIssuersThatStay(t *testing.T) {
	c := newCorp(t)
	text := c.token(t, nil)
	c.want(t, "first", text, JWT, nil)
	c.configure(func(*Config) {})
	c.configure(func(cfg *Config) { cfg.MaxAge, cfg.Audiences = time.Hour, []string{"whittle"} })
	c.want(t, "other rules, same keys", text, JWT, nil)
	c.fetched(t, "other rules, same keys", 1)
	c.configure(func(cfg *Config) { cfg.JWKSURI = "" })
	c.want(t, "keys by discovery", text, JWT, nil)
	c.fetched(t, "keys by discovery", 2)
	c.set.Configure(nil)
	c.want(t, "removed", text, JWT, ErrUnknownIssuer)
	c.set.Configure([]Config{c.cfg})
	c.want(t, "there again", text, JWT, nil)
	c.fetched(t, "there again", 3)
}

func TestNewRulesHoldForTokensThatWereVerifiedBefore(t *testing.T) {
	c := newCorp(t)
	text := c.token(t, map[string]any{"iat": c.Now().Add(-time.Hour).Unix()})
	c.want(t, "first", text, JWT, nil)
	c.configure(func(cfg *Config) { cfg.MaxAge = time.Minute })
	c.want(t, "too old now", text, JWT, ErrTooOld)
	c.configure(func(cfg *Config) { cfg.MaxAge, cfg.Audiences = time.Hour, []string{"other"} })
	c.want(t, "not for us now", text, JWT, ErrAudience)
	c.configure(func(cfg *Config) { cfg.Audiences, cfg.Algorithms = []string{"whittle"}, []string{"RS256"} })
	c.want(t, "wrong algorithm now", text, JWT, ErrSignature)
}

func TestForgetDropsKeysAtOnce(t *testing.T) {
	c := newCorp(t)
	stolen, err := c.set.Verify(t.Context(), c.token(t, nil), JWT)
	if err != nil {
		t.Fatal(err)
	}
	text := c.token(t, nil)
	c.want(t, "before", text, JWT, nil)
	if _, err := c.Rotate(); err != nil {
		t.Fatal(err)
	}
	c.Withdraw(stolen.KeyID)
	c.want(t, "while the keys are cached", text, JWT, nil)
	c.set.Forget("another")
	c.want(t, "another was forgotten", text, JWT, nil)
	c.set.Forget("corp")
	c.want(t, "forgotten", text, JWT, ErrSignature)
	c.fetched(t, "forgotten", 2)
	c.Answer(issuertest.Down)
	c.set.Forget("corp")
	c.want(t, "forgotten, and the issuer is down", c.token(t, nil), JWT, ErrUnavailable)
}

func TestAKeyThatIsTakenAwayEndsWithTheNextRefresh(t *testing.T) {
	c := newCorp(t)
	c.MaxAge(10 * time.Minute)
	out, err := c.set.Verify(t.Context(), c.token(t, nil), JWT)
	if err != nil {
		t.Fatal(err)
	}
	text := c.token(t, nil)
	c.want(t, "before", text, JWT, nil)
	if _, err := c.Rotate(); err != nil {
		t.Fatal(err)
	}
	c.Withdraw(out.KeyID)
	c.pass(10 * time.Minute)
	c.want(t, "after max-age", text, JWT, ErrSignature)
	c.want(t, "the new key", c.token(t, nil), JWT, nil)
}

func TestANewKeyIsFoundByItsFirstToken(t *testing.T) {
	c := newCorp(t)
	c.want(t, "old key", c.token(t, nil), JWT, nil)
	c.pass(askAgain)
	if _, err := c.Rotate(); err != nil {
		t.Fatal(err)
	}
	c.want(t, "new key", c.token(t, nil), JWT, nil)
	c.fetched(t, "new key", 2)
}

func TestT42_RandomKeyIDsCostTwoFetchesAndNobodyElseAnything(t *testing.T) {
	a, b := newCorp(t), newCorp(t)
	b.cfg.Name = "other"
	a.set.Configure([]Config{a.cfg, b.cfg})
	a.want(t, "a", a.token(t, nil), JWT, nil)
	a.want(t, "b", b.token(t, nil), JWT, nil)
	a.pass(askAgain)
	b.pass(askAgain)
	text := make(chan string)
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for text := range text {
				a.want(t, "a random kid", text, JWT, ErrSignature)
			}
		})
	}
	for i := range 1000 {
		text <- a.signed(t, map[string]any{"kid": fmt.Sprint("random-", i)}, nil)
	}
	close(text)
	senders.Wait()
	a.fetched(t, "after 1000 random kids", 2)
	if _, err := b.Rotate(); err != nil {
		t.Fatal(err)
	}
	a.want(t, "b's new key", b.token(t, nil), JWT, nil)
}

func TestAVerifiedTokenIsStillTimedAndTyped(t *testing.T) {
	c := newCorp(t)
	c.MaxAge(24 * time.Hour)
	text := c.signed(t, map[string]any{"typ": "at+jwt"}, nil)
	c.want(t, "first", text, JWT, nil)
	c.want(t, "as an ID token", text, IDToken, ErrType)
	first, _ := c.set.Verify(t.Context(), text, JWT)
	if again, _ := c.set.Verify(t.Context(), text, JWT); again != first {
		t.Error("it was verified twice")
	}
	c.pass(time.Hour + skew)
	c.want(t, "expired", text, JWT, ErrExpired)
}

func TestIssuersThatMisbehaveAreUnavailable(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"down":               issuertest.Down,
		"failing":            issuertest.Status(http.StatusInternalServerError),
		"empty":              issuertest.Says(""),
		"garbage":            issuertest.Says("\x00\xff{{{"),
		"HTML":               issuertest.Says("<html>Welcome</html>"),
		"another document":   issuertest.Says(`{"ok":true}`),
		"keys that are null": issuertest.Says(`{"keys":null}`),
		"keys twice":         issuertest.Says(`{"keys":[],"keys":[]}`),
		"100 MB":             issuertest.Huge(100 << 20),
		"redirecting":        issuertest.Redirect("http://127.0.0.1:1"),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCorp(t)
			c.Answer(answer)
			text := c.token(t, nil)
			c.want(t, "cold", text, JWT, ErrUnavailable)
			c.Answer(nil)
			c.want(t, "too early to ask again", text, JWT, ErrUnavailable)
			c.pass(retryAfter)
			c.want(t, "recovered", text, JWT, nil)
			c.Answer(answer)
			c.pass(5*time.Minute + 1)
			c.want(t, "warm, misbehaving again", text, JWT, nil)
			c.pass(staleAge)
			c.want(t, "past the bound", c.token(t, nil), JWT, ErrUnavailable)
		})
	}
}

// pipedCorp is an issuer whose network and clock are a bubble's.
func pipedCorp(t *testing.T) (c *corp, stop func()) {
	t.Helper()
	c = new(corp)
	var err error
	if c.Provider, err = issuertest.Unstarted("http://127.0.0.1", time.Now); err != nil {
		t.Fatal(err)
	}
	network := make(pipes)
	server := &http.Server{Handler: c.Provider, ErrorLog: quiet}
	go server.Serve(network)
	f := NewFetcher(FetcherConfig{Allow: thisHost()})
	f.loopback.Transport.(*http.Transport).DialContext = network.dial
	c.clock = &clock{now: time.Now()}
	c.set = NewSet(f, time.Now)
	c.set.Configure([]Config{{Name: "corp", URL: c.URL, Audiences: []string{"whittle"}}})
	return c, func() {
		close(network)
		server.Close()
	}
}

func TestASlowIssuerIsGivenUpAndLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, stop := pipedCorp(t)
		defer stop()
		defer c.set.Close()
		c.Answer(issuertest.Slow(4*time.Second, c.Usual))
		began := time.Now()
		c.want(t, "two answers of 4 s each", c.token(t, nil), JWT, ErrUnavailable)
		if took := time.Since(began); took != fetchTimeout {
			t.Errorf("given up after %v", took)
		}
		c.Answer(issuertest.Slow(2*time.Second, c.Usual))
		time.Sleep(retryAfter)
		c.want(t, "two answers of 2 s each", c.token(t, nil), JWT, nil)
	})
}

// A bubble fails if any goroutine that began in it is left when its test has ended.
func TestCloseEndsAllFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, stop := pipedCorp(t)
		c.Answer(issuertest.Slow(time.Hour, issuertest.Down))
		text := c.token(t, nil)
		began := time.Now()
		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() { c.want(t, "while closing", text, JWT, ErrUnavailable) })
		}
		time.Sleep(time.Second)
		c.set.Forget("corp") // its fetch ends, too
		callers.Go(func() { c.want(t, "the second fetch", text, JWT, ErrUnavailable) })
		time.Sleep(time.Second)
		c.set.Configure(nil) // and so does that one
		callers.Wait()
		c.set.Configure([]Config{{Name: "corp", URL: c.URL, Audiences: []string{"whittle"}}})
		callers.Go(func() { c.want(t, "the third fetch", text, JWT, ErrUnavailable) })
		time.Sleep(time.Second)
		c.set.Close()
		callers.Wait()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		c.want(t, "closed", text, JWT, ErrUnavailable)
		c.set.Configure([]Config{{Name: "new", URL: "http://127.0.0.2"}})
		c.set.Forget("corp")
		c.want(t, "still closed", text, JWT, ErrUnavailable)
		stop()
	})
}

func TestUnavailableSaysWhyAndIsNoOtherError(t *testing.T) {
	c := newCorp(t)
	c.Answer(issuertest.Status(http.StatusTeapot))
	_, err := c.set.Verify(t.Context(), c.token(t, nil), JWT)
	if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrSignature) {
		t.Fatal(err)
	}
	if want := "issuer corp: " + ErrUnavailable.Error() + ": " + c.JWKSURI() + " answered 418"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}
