package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/whittle-sts/whittle/internal/token"
)

// request reads `a -> b by client [at r,r] [for s,s] [as actor]`.
func (d *drawing) request(words []string) (name, client string, req ExchangeRequest, err error) {
	from := words[0]
	req = own(d.tokens[from])
	if req.SubjectToken.Reveal() == "" {
		d.tokens[from] = d.outsider(from)
		req.SubjectToken = d.tokens[from]
	}
	if slices.Contains(outsiders, from) {
		req.SubjectTokenType = JWTType
	}
	for i := 3; i+1 < len(words); i += 2 {
		list := strings.Split(words[i+1], ",")
		switch words[i] {
		case "by":
			client = words[i+1]
		case "at":
			req.Audience = list
		case "for":
			req.Scope = list
		case "as":
			req.ActorToken, req.ActorTokenType = d.outsider(words[i+1]), JWTType
		default:
			return "", "", req, fmt.Errorf("%q is not a part of an exchange", words[i])
		}
	}
	return words[2], client, req, nil
}

var outsiders = []string{"ana", "ben", "paul", "vera", "nora", "cleo", "pipeline"}

// outsider is a token of the named outside principal.
func (d *drawing) outsider(name string) token.Secret {
	switch name {
	case "pipeline":
		return d.pipeline()
	case "paul":
		return d.person(name, map[string]any{"groups": []string{"platform"}})
	case "nora": // without a second factor: her role rests on her binding alone
		return d.person(name, map[string]any{"groups": []string{"research"}})
	case "vera":
		return d.person(name, nil)
	default:
		return d.person(name, anasClaims())
	}
}

func (d *drawing) exchange(words []string) error {
	name, client, req, err := d.request(words)
	if err != nil {
		return err
	}
	issued, err := d.issue(words[0], client, req)
	if err != nil {
		return err
	}
	d.tokens[name] = issued.AccessToken
	d.order = append(d.order, name)
	return nil
}

// issue exchanges, or lets the client ask for itself if it is drawn as its own subject.
func (d *drawing) issue(from, client string, req ExchangeRequest) (*Issued, error) {
	if from == client {
		return d.ClientCredentials(context.Background(), d.as(client), ClientCredentialsRequest{Audience: req.Audience, Scope: req.Scope})
	}
	return d.Exchange(context.Background(), d.as(client), req)
}

func (d *drawing) refused(step string) error {
	step, reason, _ := strings.Cut(step, ": ")
	words := strings.Fields(step)
	_, client, req, err := d.request(words)
	if err != nil {
		return err
	}
	issued, err := d.issue(words[0], client, req)
	if issued != nil {
		return fmt.Errorf("was granted %v", issued.Scope)
	}
	if got := Fault(err).Reason(); got != reason {
		return fmt.Errorf("refused for %q: %v", got, err)
	}
	return nil
}
