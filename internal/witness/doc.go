// Package witness asks others to co-sign the log's checkpoints (C2SP tlog-witness). A witness signs what
// is consistent with all that it signed before, so a log that has shown it something can't take it back
// unnoticed, not even with its database and its anchor rolled back together.
package witness
