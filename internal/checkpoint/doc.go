// Package checkpoint is what a log says of itself: its size and root, signed as C2SP writes it
// (signed-note, tlog-checkpoint), co-signed by witnesses (tlog-cosignature), and proofs that an entry
// is in it (tlog-proof). It is all that somebody who holds only such texts needs to judge them.
package checkpoint
