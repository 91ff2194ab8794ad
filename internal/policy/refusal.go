package policy

import "fmt"

// The OAuth error codes of refusals (RFC 6749 section 5.2, RFC 8693 section 2.2.2).
const (
	invalidRequest     = "invalid_request"
	invalidScope       = "invalid_scope"
	invalidTarget      = "invalid_target"
	unauthorizedClient = "unauthorized_client"
)

// Refusal is why the policy doesn't allow an exchange or take a token. Only Code is for the
// caller; the rest is for the record and for those who may ask why. Nothing in it names a person.
type Refusal struct {
	Code    string // an OAuth error code
	Reason  string // a stable word
	Detail  string // may name parts of the policy
	Rule    string // the rule that decided; empty if none matched
	Removed []Removal
}

// Error is the whole of it, for the record.
func (r *Refusal) Error() string {
	s := fmt.Sprintf("%s (%s): %s", r.Code, r.Reason, r.Detail)
	if r.Rule != "" {
		s += fmt.Sprintf(" [rule %q]", r.Rule)
	}
	return s
}

// Removal is a scope that was asked for and not given.
type Removal struct {
	Scope    string
	Resource string // where it was asked for; empty for an exchange-only token
	By       string // what removed it: parent, role, ceiling, resource, rule or unknown
	Name     string // of the client, resource or rule that removed it; empty for the others
}
