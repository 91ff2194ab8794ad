package issuertest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
)

// published fetches the key set as another library reads it.
func published(t *testing.T, p *issuertest.Provider) (set jose.JSONWebKeySet) {
	t.Helper()
	res, err := http.Get(p.JWKSURI())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(body), `"d"`) {
		t.Fatal("a private key was published")
	}
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestTokensVerifyWithWhatIsPublished(t *testing.T) {
	for _, algorithm := range []string{"ES256", "RS256", "EdDSA"} {
		p, err := issuertest.New(time.Now, algorithm)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		text, err := p.Token("ana", "whittle", nil)
		if err != nil {
			t.Fatal(err)
		}
		jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jws.Verify(published(t, p)); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func TestKeysComeAndGo(t *testing.T) {
	p, err := issuertest.New(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	first := published(t, p).Keys[0].KeyID
	second, err := p.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	if keys := published(t, p).Keys; len(keys) != 2 || keys[0].KeyID != first || keys[1].KeyID != second {
		t.Errorf("after rotation: %v", keys)
	}
	p.Withdraw(first)
	if keys := published(t, p).Keys; len(keys) != 1 || keys[0].KeyID != second {
		t.Errorf("after withdrawal: %v", keys)
	}
	if keys, other := p.Fetches(); keys != 3 || other != 0 {
		t.Errorf("%d and %d fetches were counted", keys, other)
	}
	p.Answer(issuertest.Down)
	if res, err := http.Get(p.JWKSURI()); err == nil {
		t.Errorf("it is up: %s", res.Status)
	}
}
