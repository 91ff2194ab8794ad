package engine

import (
	"time"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

// TokenType is a token type identifier (RFC 8693 section 3).
type TokenType string

// The token types that this version takes or issues. An access token is one of Whittle's own, JWT
// or opaque; the JWTs of outside issuers come as jwt or id_token.
const (
	AccessTokenType TokenType = "urn:ietf:params:oauth:token-type:access_token"
	JWTType         TokenType = "urn:ietf:params:oauth:token-type:jwt"
	IDTokenType     TokenType = "urn:ietf:params:oauth:token-type:id_token"
)

// ExchangeRequest is a token exchange (RFC 8693 section 2.1), decoded but not judged.
type ExchangeRequest struct {
	SubjectToken       token.Secret
	SubjectTokenType   TokenType
	ActorToken         token.Secret // empty: the client itself acts
	ActorTokenType     TokenType
	RequestedTokenType TokenType // empty: an access token
	Resource           []string  // RFC 8707: absolute URIs
	Audience           []string  // logical names, resolved to resources by the policy
	Scope              []string  // nil: none named
	Lifetime           time.Duration
	TaskLabel          string // the caller's own name for the task
	Details            bool   // authorization_details was sent, which this version refuses
	Receipt            bool   // say where the grant's entry is
}

// ClientCredentialsRequest is a client asking for itself (RFC 6749 section 4.4).
type ClientCredentialsRequest struct {
	Resource  []string
	Audience  []string
	Scope     []string
	Lifetime  time.Duration
	TaskLabel string
	Details   bool
	Receipt   bool
}

// Issued is the answer to both (RFC 8693 section 2.2.1, RFC 6749 section 5.1).
type Issued struct {
	AccessToken     token.Secret
	IssuedTokenType TokenType
	TokenType       string // Bearer, or N_A for an exchange-only token
	ExpiresIn       time.Duration
	Scope           []string
	Task            token.ID
	Decision        string
	Entry           *uint64 // its place in the log; nil: not asked for
}

// IntrospectRequest asks for one token (RFC 7662 section 2.1).
type IntrospectRequest struct {
	Token token.Secret
	Use   Use
	UseID string // makes a retry of a counted use free
	Look  bool   // look without using; needs a permission
}

// Use is what the resource server is about to let the token do, in as far as it says so.
type Use struct {
	Scope  string // that is exercised
	Action string // in the resource server's words; on the record in the clear
}

// Introspection is the answer (RFC 7662 section 2.2). An inactive one is the zero Introspection.
type Introspection struct {
	Active        bool
	Scope         []string
	ClientID      string
	TokenType     string
	Expires       time.Time
	IssuedAt      time.Time
	Subject       string
	Audience      []string
	Issuer        string
	ID            token.ID
	Actor         *principal.Actor
	Task          token.ID
	Depth         int // how many exchanges led to the token
	PolicyVersion uint64
	UsesLeft      *uint32 // nil: not counted

	kept *kept // nil: nothing is
}

// inactive is the answer about a token that isn't good, whatever the reason.
func inactive() *Introspection { return new(Introspection) }

// RevokeRequest takes power away by selector.
type RevokeRequest struct {
	Selector live.Selector
	Block    bool // also refuse new tokens until lifted
	Reason   string
}

// Revocation is one that is in force.
type Revocation struct {
	Seq      uint64
	Selector live.Selector
	Block    bool
	At       time.Time
	Expires  time.Time // zero: until lifted
	By       string
	Reason   string
}

// ApplyRequest replaces the policy, if the current version is still the one that the editor saw.
type ApplyRequest struct {
	YAML     []byte
	Expected uint64
	Note     string
}

// Policy is one version of the policy document.
type Policy struct {
	Version uint64
	YAML    []byte
	Applied time.Time
	By      string
	Note    string
}

// Credential is a client secret at the one moment when it can be shown.
type Credential struct {
	Client  string
	ID      string
	Secret  token.Secret
	Created time.Time
	Expires time.Time // zero: never by itself
}

// Client is a client of the policy in force, with its secrets.
type Client struct {
	ID      string
	Ceiling []string
	May     []policy.Permission
	Serves  []string
	Secrets []ClientSecret // the oldest first
	Blocked bool           // by a revocation
}

// ClientSecret is what may be known of a secret.
type ClientSecret struct {
	ID       string
	Created  time.Time
	Expires  time.Time // zero: never by itself
	Disabled bool
	LastUsed time.Time // to about a minute; zero: never, as far as is known
	Usable   bool      // now
}

// SigningKey is what may be known of a signing key.
type SigningKey struct {
	ID      string // `kid`
	Alg     string
	State   KeyState
	Created time.Time
	Active  time.Time // when it begins to sign
	Retired time.Time // when it stops or stopped; zero: not decided
	Expires time.Time // when it is dropped; zero: not known yet
}

// KeyState is how a signing key stands.
type KeyState uint8

// The states.
const (
	KeyPublished KeyState = iota + 1 // doesn't sign yet
	KeySigning
	KeyRetired // verifies what it signed
	KeyRevoked // nothing that it signed is good
)

// DiffRequest names what a version of the policy is compared with: another version or a document.
type DiffRequest struct {
	From uint64 // 0: the current one
	To   uint64 // likewise; without YAML
	YAML []byte // nil: To
}

// PolicyDiff is what differs between two documents.
type PolicyDiff struct {
	Unified string // by lines; empty if there is no difference
	Items   []policy.Difference
}

// RollbackRequest names the version of the policy to go back to.
type RollbackRequest struct {
	Version  uint64
	Expected uint64 // the version that the editor saw
	Note     string // empty: which version it goes back to
}
