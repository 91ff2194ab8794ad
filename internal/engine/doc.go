// Package engine is what Whittle does, on whichever wire it was asked: exchange, introspect,
// revoke, apply policy, explain. Each operation is a listed run of phases. A new rule is a new
// phase or a new policy input, never an `if` in a wire. [Error] is the one error that leaves.
package engine
