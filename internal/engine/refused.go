package engine

import (
	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
)

// Refused puts a refusal on the record that was made before the engine was asked, such as of a
// malformed message, and names its decision. It is for the guard, which made sure of the caller.
func (e *Engine) Refused(caller clientauth.Caller, kind audit.Kind, refusal *Error) error {
	return e.refuse(caller, kind, refusal)
}
