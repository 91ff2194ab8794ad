// Package scope knows the scopes of a policy: their grammar (RFC 6749 section 3.3), the
// catalogue that lists all that can be asked for, the patterns that policy authors write,
// and sets of scopes as bits. A [Set] belongs to its [Catalogue]; tokens hold names, since
// the next policy version numbers its scopes anew.
package scope
