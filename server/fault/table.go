package fault

import (
	"context"
	"errors"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
)

// status is how the wires say one code. Connect's codes have gRPC's numbers.
type status struct {
	http int // RFC 6749 section 5.2: 400 unless something says otherwise
	grpc codes.Code
}

// statuses has a row for each code of the engine; a test holds it to that.
var statuses = map[engine.Code]status{
	engine.InvalidRequest:         {http.StatusBadRequest, codes.InvalidArgument},
	engine.InvalidClient:          {http.StatusUnauthorized, codes.Unauthenticated},
	engine.UnauthorizedClient:     {http.StatusBadRequest, codes.PermissionDenied},
	engine.UnsupportedGrant:       {http.StatusBadRequest, codes.InvalidArgument},
	engine.InvalidScope:           {http.StatusBadRequest, codes.InvalidArgument},
	engine.InvalidTarget:          {http.StatusBadRequest, codes.InvalidArgument},
	engine.InvalidDetails:         {http.StatusBadRequest, codes.InvalidArgument},
	engine.AccessDenied:           {http.StatusForbidden, codes.PermissionDenied},
	engine.SlowDown:               {http.StatusTooManyRequests, codes.ResourceExhausted},
	engine.ServerError:            {http.StatusInternalServerError, codes.Internal},
	engine.TemporarilyUnavailable: {http.StatusServiceUnavailable, codes.Unavailable},
	engine.NotFound:               {http.StatusNotFound, codes.NotFound},
	engine.Conflict:               {http.StatusConflict, codes.Aborted},
	engine.Precondition:           {http.StatusBadRequest, codes.FailedPrecondition},
}

// ErrTooLarge is a request above the wire's limit.
var ErrTooLarge = errors.New("the request is too large")

// ErrMethod is a request by another HTTP method than the endpoint has.
var ErrMethod = errors.New("the method is not allowed")

// These are invalid_request, but for the status.
var (
	tooLarge   = status{http.StatusRequestEntityTooLarge, codes.ResourceExhausted}
	notAllowed = status{http.StatusMethodNotAllowed, codes.Unimplemented}
)

// Challenge is the WWW-Authenticate value that goes with invalid_client (RFC 9110 section 15.5.2).
const Challenge = `Basic realm="whittle"`

// retryAfter is what a caller is told whose request took too long.
const retryAfter = time.Second

// Of is any error as the one error type that callers see. What the server doesn't know how to tell
// is a fault of its own, of which the caller learns nothing.
func Of(err error) *engine.Error {
	switch {
	case errors.Is(err, ErrTooLarge):
		return engine.Refuse(engine.InvalidRequest, "too_large", "the request is too large")
	case errors.Is(err, ErrMethod):
		return engine.Refuse(engine.InvalidRequest, "method", "this HTTP method is not allowed here")
	case errors.Is(err, clientauth.ErrInvalid):
		return engine.Refuse(engine.InvalidClient, "client_auth", "client authentication failed")
	}
	fault := engine.Fault(err)
	if _, known := statuses[fault.Code]; !known {
		return engine.Refuse(engine.ServerError, "fault", "the server could not do this")
	}
	late := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	if fault.Code == engine.ServerError && late {
		late := engine.Refuse(engine.TemporarilyUnavailable, "deadline", "the request took too long; try again")
		late.RetryAfter, late.Decision = retryAfter, fault.Decision
		return late
	}
	return fault
}

// judge is what the wires need: the error, its row, and a description that any wire can carry.
func judge(err error) (fault *engine.Error, row status, description string) {
	fault = Of(err)
	row = statuses[fault.Code]
	switch {
	case errors.Is(err, ErrTooLarge):
		row = tooLarge
	case errors.Is(err, ErrMethod):
		row = notAllowed
	}
	return fault, row, safe(fault.Description)
}

const maxDescription = 512 // bytes

// safe holds a description to the charset of RFC 6749 section 5.2: x20-21, x23-5B and x5D-7E.
func safe(description string) string {
	if len(description) > maxDescription {
		description = description[:maxDescription]
	}
	out := []byte(description)
	for i, c := range out {
		if c < 0x20 || c > 0x7E || c == '"' || c == '\\' {
			out[i] = '?'
		}
	}
	return string(out)
}
