// Package tiles serves what anybody may know of the audit log (C2SP tlog-tiles): its newest checkpoint
// and its tiles of hashes, which say nothing of who does what. Entries aren't among them: those who may
// read them ask AuditService.
package tiles
