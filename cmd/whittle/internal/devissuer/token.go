package devissuer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// MaxLifetime is the longest that a token may be good: a working day.
const MaxLifetime = 12 * time.Hour

// own lists the claims that have an argument of their own.
var own = []string{"iss", "sub", "aud", "iat", "exp", "nbf", "jti", "groups"}

// Claims is what a token says.
type Claims struct {
	Subject  string
	Groups   []string
	Audience string
	Lifetime time.Duration
	Further  map[string]any // whatever else, as JSON values
}

// Token signs the claims.
func (i *Issuer) Token(c Claims, now time.Time) (string, error) {
	switch {
	case c.Subject == "":
		return "", errors.New("a token needs a subject")
	case c.Lifetime < time.Second || c.Lifetime > MaxLifetime:
		return "", fmt.Errorf("a token is good for a second to %s, not for %s", MaxLifetime, c.Lifetime)
	}
	claims := make(map[string]any, len(c.Further)+len(own))
	maps.Copy(claims, c.Further)
	for _, name := range own {
		if _, taken := claims[name]; taken {
			return "", fmt.Errorf("the claim %q can't be set freely", name)
		}
	}
	claims["iss"], claims["sub"], claims["aud"] = i.URL, c.Subject, c.Audience
	claims["iat"], claims["exp"], claims["jti"] = now.Unix(), now.Add(c.Lifetime).Unix(), rand.Text()
	if len(c.Groups) > 0 {
		claims["groups"] = slices.Clone(c.Groups)
	}
	return i.sign(claims)
}

func (i *Issuer) sign(claims map[string]any) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.key}, new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
