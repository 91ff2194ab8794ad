// Package token holds what Whittle's own tokens are: their claims and evidence, how they are
// minted from a [narrow.Grant] and from nothing else, how they are verified, the opaque form,
// and the keys that sign. The strict readers of compact JWS and JSON that it verifies with
// also serve outside tokens (RFC 7515, RFC 7519, RFC 8725).
package token
