package servertest

import (
	"fmt"
	"slices"
	"strings"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func judgeError(want *Want, err error) string {
	if got := CodeOf(err); got != want.Error {
		return fmt.Sprintf("got %q (%v), want %q", got, err, want.Error)
	}
	if err != nil && !strings.Contains(err.Error(), want.Says) {
		return fmt.Sprintf("%v doesn't say %q", err, want.Says)
	}
	return ""
}

func (s *story) judgeToken(a *Ask, want *Want, got *whittlev1.IssuedToken, err error) string {
	if problem := judgeError(want, err); problem != "" || err != nil {
		return problem
	}
	if a.Keep != "" {
		s.tokens[a.Keep], s.tasks[a.Keep] = got.GetAccessToken(), got.GetTask()
	}
	switch lasts := got.GetExpiresIn().AsDuration(); {
	case got.GetAccessToken() == "" || got.GetDecision() == "" || got.GetTask() == "":
		return "a member is missing in the answer"
	case want.TokenType != "" && got.GetTokenType() != want.TokenType:
		return fmt.Sprintf("token_type %q, want %q", got.GetTokenType(), want.TokenType)
	case want.Scope != nil && !sameSet(got.GetScope(), want.Scope):
		return fmt.Sprintf("scope %q, want %q", got.GetScope(), want.Scope)
	case lasts <= 0 || want.AtMost != 0 && lasts > want.AtMost:
		return fmt.Sprintf("expires_in %v, want at most %v", lasts, want.AtMost)
	}
	return ""
}

func judgeIntrospection(want *Want, got *whittlev1.Introspection, err error) string {
	if problem := judgeError(want, err); problem != "" || err != nil {
		return problem
	}
	var actors []string
	for a := got.GetAct(); a != nil; a = a.GetAct() {
		actors = append(actors, a.GetSub())
	}
	switch {
	case !got.GetActive() && got.String() != new(whittlev1.Introspection).String():
		return fmt.Sprintf("inactive, and yet: %v", got)
	case want.Active != nil && got.GetActive() != *want.Active:
		return fmt.Sprintf("active %t, want %t", got.GetActive(), *want.Active)
	case want.Scope != nil && !sameSet(got.GetScope(), want.Scope):
		return fmt.Sprintf("scope %q, want %q", got.GetScope(), want.Scope)
	case want.Aud != nil && !sameSet(got.GetAud(), want.Aud):
		return fmt.Sprintf("aud %q, want %q", got.GetAud(), want.Aud)
	case want.Sub != "" && got.GetSub() != want.Sub, want.ClientID != "" && got.GetClientId() != want.ClientID:
		return fmt.Sprintf("sub %q, client_id %q", got.GetSub(), got.GetClientId())
	case want.Act != nil && !slices.Equal(actors, want.Act):
		return fmt.Sprintf("act %q, want %q", actors, want.Act)
	case want.Depth != 0 && got.GetDepth() != want.Depth:
		return fmt.Sprintf("depth %d, want %d", got.GetDepth(), want.Depth)
	case want.UsesLeft != nil && (got.UsesLeft == nil || got.GetUsesLeft() != *want.UsesLeft):
		return fmt.Sprintf("uses_left %v, want %d", got.UsesLeft, *want.UsesLeft)
	}
	return ""
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
