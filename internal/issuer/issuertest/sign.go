package issuertest

import (
	"crypto/rand"
	"fmt"
	"maps"
	"time"

	"github.com/go-json-experiment/json"
)

// Token is a token as a well-kept issuer makes it: good for an hour from now, with a `jti`. The
// further claims are laid over the usual ones; nil takes one away.
func (p *Provider) Token(subject, audience string, further map[string]any) (string, error) {
	now := p.now()
	return p.Sign(nil, overlay(map[string]any{
		"iss": p.URL, "sub": subject, "aud": audience, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}, further))
}

// Sign signs the claims as they are with the key that signs now. The header members are laid
// over the usual `alg`, `kid` and `typ`; nil takes one away. A `kid` of another key of this
// issuer signs with that one.
func (p *Provider) Sign(header, claims map[string]any) (string, error) {
	kid, _ := header["kid"].(string)
	k := p.signer(kid)
	head, err := json.Marshal(overlay(map[string]any{"alg": k.algorithm, "kid": k.id, "typ": "JWT"}, header), json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("issuertest: header: %w", err)
	}
	payload, err := json.Marshal(claims, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("issuertest: claims: %w", err)
	}
	return p.SignRaw(k.id, head, payload)
}

// SignRaw signs any bytes at all with the named key, or with the one that signs now.
func (p *Provider) SignRaw(kid string, header, payload []byte) (string, error) {
	input := encode(header) + "." + encode(payload)
	signature, err := p.signer(kid).sign(input)
	if err != nil {
		return "", fmt.Errorf("issuertest: %w", err)
	}
	return input + "." + encode(signature), nil
}

// signer is the named key, or the newest if there is none of that name.
func (p *Provider) signer(kid string) *key {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.keys {
		if k.id == kid {
			return k
		}
	}
	return p.keys[len(p.keys)-1]
}

func overlay(usual, over map[string]any) map[string]any {
	maps.Copy(usual, over)
	maps.DeleteFunc(usual, func(_ string, value any) bool { return value == nil })
	return usual
}
