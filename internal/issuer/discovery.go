package issuer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/loopback"
	"github.com/whittle-sts/whittle/internal/token"
)

// loader finds and fetches the keys of one issuer. Both addresses come from the configuration;
// nothing in a token ever makes one.
type loader struct {
	fetcher *Fetcher
	issuer  string // URL: the issuer identifier
	jwksURI string // empty: found in the issuer's metadata
}

// load is one look at the issuer, metadata first where it is needed, so that keys which moved
// are followed.
func (l *loader) load(ctx context.Context) (*token.KeySet, time.Duration, error) {
	uri, local := l.jwksURI, onThisHost(l.jwksURI)
	if uri == "" {
		local = onThisHost(l.issuer)
		var err error
		if uri, err = l.discover(ctx, local); err != nil {
			return nil, 0, err
		}
	}
	doc, err := l.fetcher.fetch(ctx, uri, local)
	if err != nil {
		return nil, 0, err
	}
	keys, err := token.ParseKeySet(doc.body)
	if err != nil {
		return nil, 0, err
	}
	return keys, doc.goodFor, nil
}

// discover asks in both well-known places and takes the first document that is the issuer's own.
func (l *loader) discover(ctx context.Context, local bool) (jwksURI string, err error) {
	places, err := wellKnown(l.issuer)
	if err != nil {
		return "", err
	}
	var failures [2]error
	for i, place := range places {
		doc, err := l.fetcher.fetch(ctx, place, local)
		if err == nil {
			jwksURI, err = parseMetadata(doc.body, l.issuer)
		}
		if err == nil {
			return jwksURI, nil
		}
		failures[i] = err
	}
	return "", fmt.Errorf("no metadata: %w; %w", failures[0], failures[1])
}

// wellKnown is where an issuer's metadata may be: appended to its path (OpenID Connect Discovery
// section 4), and inserted before it (RFC 8414 section 3.1).
func wellKnown(issuer string) (places [2]string, err error) {
	u, err := url.Parse(issuer)
	if err != nil || u.RawQuery != "" {
		return places, fmt.Errorf("%w: issuer isn't a URL without a query", errForbidden)
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	origin := u.Scheme + "://" + u.Host
	return [2]string{
		origin + path + "/.well-known/openid-configuration",
		origin + "/.well-known/oauth-authorization-server" + path,
	}, nil
}

// parseMetadata reads where the keys are. A document that names another issuer, were it by one
// byte, is worth nothing (RFC 8414 section 3.3).
func parseMetadata(body []byte, issuer string) (jwksURI string, err error) {
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(body, &metadata); err != nil {
		return "", fmt.Errorf("metadata isn't the JSON it should be: %w", err)
	}
	if metadata.Issuer != issuer {
		return "", errors.New("metadata names another issuer")
	}
	if _, err := parseURL(metadata.JWKSURI); err != nil {
		return "", fmt.Errorf("jwks_uri: %w", err)
	}
	return metadata.JWKSURI, nil
}

func onThisHost(address string) bool {
	u, err := url.Parse(address)
	return err == nil && loopback.Host(u.Hostname())
}
