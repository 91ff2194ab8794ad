// Package clientauth finds out which client a request comes from (RFC 6749 section 2.3). It is the
// seam for authentication methods: each method is a file of its own that turns one kind of
// [Credentials] into a client's id. Unknown client, wrong secret, disabled client and wrong
// method cost the same work and give the same answer.
package clientauth
