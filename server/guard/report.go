package guard

import (
	"fmt"
	"runtime/debug"
)

// panicked is the error of a handler that panicked.
type panicked struct {
	value any
	stack []byte
}

// caught is the error of a run that may have panicked. Only a deferred function may call it, with recover().
func caught(value any, err error) error {
	if value == nil {
		return err
	}
	return &panicked{value, debug.Stack()}
}

// Error says the panic's type only: its value may hold what the caller sent.
func (p *panicked) Error() string { return fmt.Sprintf("a handler panicked (%T)", p.value) }
