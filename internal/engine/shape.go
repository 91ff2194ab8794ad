package engine

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/scope"
)

// Limits on one request, whatever the wire lets through.
const (
	maxTargets = 32   // resource and audience together
	maxTarget  = 1024 // bytes of one
	maxLabel   = 256  // bytes of a task label
)

// checkShape judges the parameters by themselves (RFC 8693 section 2.1), before any token is parsed.
func (x *exchange) checkShape(ctx context.Context) error {
	r := &x.request
	switch {
	case r.SubjectToken.Reveal() == "":
		return Refuse(InvalidRequest, "shape", "subject_token is missing")
	case r.SubjectTokenType == "":
		return Refuse(InvalidRequest, "shape", "subject_token_type is missing")
	case !r.SubjectTokenType.taken():
		return Refuse(InvalidRequest, "shape", "subject_token_type is not one that is taken here")
	case r.ActorToken.Reveal() != "" && r.ActorTokenType == "":
		return Refuse(InvalidRequest, "shape", "actor_token_type is missing")
	case r.ActorToken.Reveal() == "" && r.ActorTokenType != "":
		return Refuse(InvalidRequest, "shape", "actor_token_type is there without an actor_token")
	case r.ActorTokenType != "" && !r.ActorTokenType.taken():
		return Refuse(InvalidRequest, "shape", "actor_token_type is not one that is taken here")
	case r.RequestedTokenType != "" && r.RequestedTokenType != AccessTokenType && r.RequestedTokenType != JWTType:
		return Refuse(InvalidRequest, "shape", "requested_token_type is not one that is issued here")
	}
	return x.checkCommonShape(ctx)
}

// checkCommonShape judges what both grants have.
func (x *exchange) checkCommonShape(context.Context) error {
	r := &x.request
	switch {
	case r.Details:
		return Refuse(InvalidDetails, "details", "authorization_details has no type that is supported here")
	case len(r.Resource)+len(r.Audience) > maxTargets:
		return Refuse(InvalidTarget, "shape", "too many targets")
	case r.Lifetime < 0 || r.Lifetime > 0 && r.Lifetime < time.Second:
		return Refuse(InvalidRequest, "shape", "the lifetime is less than a second")
	case len(r.TaskLabel) > maxLabel || !utf8.ValidString(r.TaskLabel):
		return Refuse(InvalidRequest, "shape", "the task label is too long or no text")
	case len(r.Scope) > scope.MaxNames:
		return Refuse(InvalidScope, "shape", "too many scopes")
	}
	for _, name := range r.Scope {
		if scope.CheckName(name) != nil {
			return Refuse(InvalidScope, "shape", "scope is malformed")
		}
	}
	for _, id := range r.Resource {
		if len(id) > maxTarget || !policy.AbsoluteURI(id) {
			return Refuse(InvalidTarget, "shape", fmt.Sprintf("resource must be an absolute URI without a fragment, at most %d bytes", maxTarget))
		}
	}
	return nil
}

func (t TokenType) taken() bool { return t == AccessTokenType || t == JWTType || t == IDTokenType }
