package audit

// What a [Change] says was done. Beside them there are what the log says of its own key.
const (
	ActionAccepted   = "accepted"
	ActionAdded      = "added"
	ActionApplied    = "applied"
	ActionBegun      = "begun"
	ActionCopied     = "copied"
	ActionDeleted    = "deleted"
	ActionDisabled   = "disabled"
	ActionEnabled    = "enabled"
	ActionErased     = "erased"
	ActionExported   = "exported"
	ActionKEKRotated = "kek_rotated"
	ActionRetired    = "retired"
	ActionRevoked    = "revoked"
	ActionRotated    = "rotated"
)

// Reasons why a token that was presented is no longer alive. Others read them in the record, to say that a revocation
// acted.
const (
	ReasonNotAlive = "not_alive" // it, or what it descends from, was revoked; or it ended
	ReasonRevoked  = "revoked"
)
