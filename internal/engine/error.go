package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/hush"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/token"
)

// Code is an OAuth error code. The wires map it once, in server/fault.
type Code string

// The codes that the engine answers with (RFC 6749 section 5.2, RFC 8693 section 2.2.2, RFC 8707
// section 2, RFC 9396 section 5, RFC 6750 section 3.1), and five of ours for what OAuth is silent on.
const (
	InvalidRequest         Code = "invalid_request"
	InvalidClient          Code = "invalid_client"
	UnauthorizedClient     Code = "unauthorized_client"
	UnsupportedGrant       Code = "unsupported_grant_type"
	InvalidScope           Code = "invalid_scope"
	InvalidTarget          Code = "invalid_target"
	InvalidDetails         Code = "invalid_authorization_details"
	AccessDenied           Code = "access_denied"           // an administrative operation that the caller may not do
	SlowDown               Code = "slow_down"               // too many requests
	ServerError            Code = "server_error"            // a fault of ours
	TemporarilyUnavailable Code = "temporarily_unavailable" // try again later
	NotFound               Code = "not_found"               // an administrative look-up
	Conflict               Code = "conflict"                // somebody else changed it first
	Precondition           Code = "failed_precondition"     // well formed, but something else has to be done first
)

// Error is the one error that leaves the engine. What the caller may see is Code, Description and
// Decision; the cause is for the server's own log. Description is printable ASCII without
// quotes and backslashes (RFC 6749 section 5.2) and never holds what the caller sent, except
// names that the grammar of scopes already checked, and of these none that looks like a token or a secret.
type Error struct {
	Code        Code
	Description string
	Decision    string        // names the entry that says why, for those who may ask
	RetryAfter  time.Duration // with temporarily_unavailable and slow_down

	reason  string // a short stable word for the record and for metrics
	detail  string // what the record says; may name parts of the policy
	rule    string // that decided, if one did
	removed []policy.Removal
	cause   error
}

// Error says all that is known, which may name people and quote what a caller sent: it is for whoever holds the error.
func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Description
	if e.detail != "" {
		text += " (" + e.detail + ")"
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Logged says what the server's own log may hold: of a fault the cause, of a refusal what the caller hears. Why it was
// refused is on the record, where it is sealed if it names somebody; nobody could be erased from a log.
func (e *Error) Logged() string {
	text := string(e.Code) + ": " + e.Description
	if e.cause != nil && (e.Code == ServerError || e.Code == TemporarilyUnavailable) {
		text += ": " + hush.Text(e.cause.Error())
	}
	return text
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.cause }

// Reason is a short stable word for why, fit for a metric's label.
func (e *Error) Reason() string { return e.reason }

// Refuse makes an error for the caller: code and description are seen, reason is recorded.
func Refuse(code Code, reason, description string) *Error {
	return &Error{Code: code, Description: hush.Text(description), reason: reason}
}

// because adds the cause; it is never seen by the caller.
func (e *Error) because(cause error) *Error {
	e.cause = cause
	return e
}

// saying adds detail for the record, which only those who may explain decisions read.
func (e *Error) saying(format string, args ...any) *Error {
	e.detail = fmt.Sprintf(format, args...)
	return e
}

// Fault turns any error into an [Error]: what isn't one already is a fault of ours, of which the
// caller learns nothing.
func Fault(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Refuse(ServerError, "fault", "the server could not do this").because(err)
}

// unavailable is the answer while state can't be written or keys can't be had.
func unavailable(reason string, cause error) *Error {
	e := Refuse(TemporarilyUnavailable, reason, "not possible right now; try again").because(cause)
	e.RetryAfter = 5 * time.Second
	return e
}

// refusedByPolicy is the caller's answer to a refusal of the policy: it names the scopes that the
// caller itself sent, never parts of the policy. The rest is for those who may ask why.
func refusedByPolicy(err error) error {
	refusal, ok := errors.AsType[*policy.Refusal](err)
	if !ok {
		return err
	}
	e := Refuse(Code(refusal.Code), refusal.Reason, describe(refusal)).saying("%s", refusal.Detail)
	e.rule, e.removed = refusal.Rule, refusal.Removed
	return e
}

func describe(r *policy.Refusal) string {
	switch Code(r.Code) {
	case InvalidScope:
		return scopeRefused(r)
	case InvalidTarget:
		return "a target can't be had with this subject token"
	case UnauthorizedClient:
		return "this client may not do this"
	default:
		return "the exchange is not allowed"
	}
}

// scopeRefused names the refused scopes, as many as fit into a line.
func scopeRefused(r *policy.Refusal) string {
	if len(r.Removed) == 0 {
		return "no scope was named and the rule has no default"
	}
	text := "not granted:"
	seen := make(map[string]bool)
	for _, removal := range r.Removed {
		if len(text) > 200 {
			return text + " and more"
		}
		if !seen[removal.Scope] {
			seen[removal.Scope] = true
			text += " " + removal.Scope
		}
	}
	return text
}

// mintFailed is the caller's answer when a grant doesn't fit into a token, or into its entry.
func mintFailed(err error) error {
	switch {
	case errors.Is(err, token.ErrEvidence), errors.Is(err, audit.ErrTooLarge):
		return Refuse(InvalidRequest, "evidence", "too much is asked for to fit into one token; ask for less").because(err)
	case errors.Is(err, narrow.ErrExpired): // in the last part of a second
		return notAcceptable("subject_token", "ended", err)
	}
	return err
}
