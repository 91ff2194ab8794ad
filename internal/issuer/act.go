package issuer

import (
	"fmt"

	"github.com/whittle-sts/whittle/internal/principal"
)

// actors reads an `act` claim (RFC 8693 section 4.1): objects with a `sub`, nested at most
// [principal.MaxActors] deep. What has another shape is refused, since a chain that can't be read
// would be lost from the token made of it.
//
// The subjects become this issuer's, whatever they are called, so that none is ever taken for a
// client of ours; an actor of whom it says that somebody else issued it keeps that `iss` before its
// name. Other members are dropped, `client_id` too: it names a client of another server.
func actors(issuer *Config, act any, depth int) (*principal.Actor, error) {
	if depth >= principal.MaxActors {
		return nil, fmt.Errorf("%w: act is nested too deep", ErrClaims)
	}
	members, ok := act.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: act isn't an object", ErrClaims)
	}
	name, err := actorName(issuer, members)
	if err != nil {
		return nil, err
	}
	actor := &principal.Actor{Sub: principal.ID{Issuer: issuer.Name, Subject: name}.String()}
	if before, nested := members["act"]; nested {
		actor.Act, err = actors(issuer, before, depth+1)
	}
	return actor, err
}

func actorName(issuer *Config, members map[string]any) (string, error) {
	sub, ok := members["sub"].(string)
	if !ok || !principal.Nameable(sub) {
		return "", fmt.Errorf("%w: act has no proper sub", ErrClaims)
	}
	of, named := members["iss"]
	if !named || of == issuer.URL {
		return sub, nil
	}
	iss, ok := of.(string)
	if !ok || iss == "" {
		return "", fmt.Errorf("%w: act has no proper iss", ErrClaims)
	}
	if name := iss + " " + sub; principal.Nameable(name) { // or nobody could revoke it
		return name, nil
	}
	return "", fmt.Errorf("%w: act has an iss and a sub that are too long together", ErrClaims)
}

// mayAct reads a `may_act` claim (RFC 8693 section 4.4): an object of strings. One that can't be
// read is refused and never taken for absent, which would let anybody act.
func mayAct(claim any) (map[string]string, error) {
	members, ok := claim.(map[string]any)
	if !ok || len(members) == 0 {
		return nil, fmt.Errorf("%w: may_act isn't an object with members", ErrClaims)
	}
	out := make(map[string]string, len(members))
	for name, value := range members {
		text, ok := value.(string)
		if !ok || text == "" {
			return nil, fmt.Errorf("%w: may_act has a member that isn't a string", ErrClaims)
		}
		out[name] = text
	}
	return out, nil
}
