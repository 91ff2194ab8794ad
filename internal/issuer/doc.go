// Package issuer verifies the tokens of the outside issuers that the policy names: it finds
// their keys (RFC 8414, OpenID Connect Discovery), fetches these through a guard that reaches
// no private network, keeps them for as long as their issuer allows, and reads nothing from a
// token but what verified. It returns claims; who they make a principal is the policy's to say.
package issuer
