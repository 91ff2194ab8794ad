// Package tree is the arithmetic of the log's Merkle tree (RFC 6962 section 2.1) in tiles of 256 hashes
// (C2SP tlog-tiles): it grows one in memory, reads one from where it is kept, and names its tiles. It
// knows nothing of what the leaves mean. Hashes and proofs are those of golang.org/x/mod/sumdb/tlog.
package tree
