package audit

import (
	"slices"
	"time"
)

// Asked is what the request asked for, before anything was judged.
type Asked struct {
	ActorTokenType     string   `json:"actor_token_type,omitzero"`
	Audience           []string `json:"audience,omitempty"`
	Lifetime           uint32   `json:"lifetime,omitzero"` // seconds; 0: none named
	RequestedTokenType string   `json:"requested_token_type,omitzero"`
	Resource           []string `json:"resource,omitempty"`
	Scope              []string `json:"scope,omitempty"`
	SubjectTokenType   string   `json:"subject_token_type,omitzero"`
}

// Token is what is known of a token that was presented. An outside token's ID is derived from it.
type Token struct {
	Client  string    `json:"client_id,omitzero"` // whom it was issued to
	Expires time.Time `json:"expires,omitzero"`
	Form    string    `json:"form,omitzero"` // jwt or opaque
	ID      string    `json:"id"`
	Issued  time.Time `json:"issued_at,omitzero"`
	Issuer  string    `json:"issuer,omitzero"` // the policy's name for it; empty: Whittle
	Key     string    `json:"key,omitzero"`    // what it was verified with
}

// Granted is what the new token may do.
type Granted struct {
	Audience     []string  `json:"audience,omitempty"` // none: an exchange-only token
	Depth        uint8     `json:"depth"`              // how many exchanges may still follow
	Expires      time.Time `json:"expires"`
	Form         string    `json:"form"`                  // jwt or opaque
	Impersonates bool      `json:"impersonates,omitzero"` // the token has no `act`
	Key          string    `json:"key,omitzero"`          // the key that signed it
	Lineage      []string  `json:"lineage,omitempty"`     // root first
	Reach        []Reach   `json:"reach,omitempty"`
	Scope        []string  `json:"scope,omitempty"`
	Task         string    `json:"task"`
	Token        string    `json:"token"`         // its ID
	Uses         uint32    `json:"uses,omitzero"` // 0: not counted
}

// Reach is the scopes that a token and its descendants may ever hold at one resource.
type Reach struct {
	Resource string   `json:"resource"`
	Scope    []string `json:"scope,omitempty"`
}

// Removal is one scope that was asked for and not granted, and what took it away.
type Removal struct {
	By string `json:"by"` // the kind of thing: rule, ceiling, resource, subject token, roles
	// Name is which of that kind. It is in the clear: a binding, which may be named after a person, is
	// never named here.
	Name     string `json:"name,omitzero"`
	Resource string `json:"resource,omitzero"`
	Scope    string `json:"scope"`
}

// Used is one counted use of a use-limited token. The client of the event is the resource server, and what it
// exercised stands in Uses.
type Used struct {
	Left    uint32   `json:"left"`              // uses of the token that are left after this one
	Limited []string `json:"limited,omitempty"` // the ancestors that were counted with it
	Task    string   `json:"task,omitzero"`
	Token   string   `json:"token"`
	UseID   string   `json:"use_id,omitzero"`
}

// Uses is what tokens were used for, as the resource server said that asks. It is the client of the event.
type Uses struct {
	Minute time.Time `json:"minute,omitzero"` // in which the uses were that were only counted
	Rows   []Usage   `json:"rows,omitempty"`
}

// Usage is the uses of one token for one purpose. It names no person: a token and its task lead to one as long as
// the entry of the grant does.
type Usage struct {
	Action    string `json:"action,omitzero"` // in the resource server's words; "(others)": several, see Tally
	Client    string `json:"client,omitzero"` // whom the token was issued to
	Count     uint64 `json:"count"`
	Scope     string `json:"scope,omitzero"` // that was exercised; empty: the resource server didn't say
	Task      string `json:"task,omitzero"`
	Token     string `json:"token,omitzero"`     // empty: of several, beyond what is told apart
	Uncovered bool   `json:"uncovered,omitzero"` // the token didn't hold the scope there, whatever the resource server did then
}

func (u *Uses) exact() bool {
	return !slices.ContainsFunc(u.Rows, func(r Usage) bool { return r.Count > maxNumber })
}

// Revoked is a revocation, or the lifting of one. Whom a revocation by subject names, and its reason,
// stand in the person with [RoleSelector].
type Revoked struct {
	Block    bool      `json:"block,omitzero"`
	Expires  time.Time `json:"expires,omitzero"` // zero: never
	Kind     string    `json:"kind"`             // token, task, subject, client, group, issuer or key
	Reason   string    `json:"reason,omitzero"`
	Selector string    `json:"selector,omitzero"`
	Seq      uint64    `json:"seq"`
}

// Change is what was done to the server's own state: policy, credential, key, generation or clock.
type Change struct {
	Action  string    `json:"action"` // applied, added, disabled, deleted, retired, revoked, accepted, ...
	Active  time.Time `json:"active,omitzero"`
	Alg     string    `json:"alg,omitzero"`
	Client  string    `json:"client,omitzero"` // whose credential
	Digest  string    `json:"digest,omitzero"` // of the policy document: SHA-256, hexadecimal
	Expires time.Time `json:"expires,omitzero"`
	ID      string    `json:"id,omitzero"` // the kid, the credential's id, the generation, the pseudonym of a person
	Note    string    `json:"note,omitzero"`
	Version uint64    `json:"version,omitzero"` // of the policy
	Wall    time.Time `json:"wall,omitzero"`    // what the clock said that was accepted
}

// Restored is what a generation began from. Hashes and generations are hexadecimal.
type Restored struct {
	From  Past  `json:"from"`           // the state in the backup, whose log this one continues
	Known *Past `json:"known,omitzero"` // how far the state was known to have come, if further: what lies between is lost
}

// Past is how far an earlier generation had come.
type Past struct {
	Generation string    `json:"generation"`
	Newest     time.Time `json:"newest,omitzero"`
	Policy     uint64    `json:"policy,omitzero"`
	Rev        uint64    `json:"rev,omitzero"`
	Root       string    `json:"root,omitzero"` // of the tree of its entries (RFC 6962 section 2.1)
	Size       uint64    `json:"size"`
}

func (r *Restored) exact() bool {
	for _, p := range []*Past{&r.From, r.Known} {
		if p != nil && max(p.Size, p.Rev, p.Policy) > maxNumber {
			return false
		}
	}
	return true
}

// Counted is refusals of one client for one reason in one minute that have no entry of their own.
type Counted struct {
	Count uint64    `json:"count"`
	Since time.Time `json:"since"`
}
