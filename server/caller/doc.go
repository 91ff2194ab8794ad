// Package caller takes a client's credentials off a request: off an HTTP request with a form, or
// off the headers alone, as gRPC and Connect have them. It also carries the authenticated caller
// from the guard to the handlers. Exactly one authentication method is taken in a request
// (RFC 6749 section 2.3); nothing is verified here.
package caller
