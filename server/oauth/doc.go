// Package oauth is the wire that every OAuth client speaks: the token, introspection and revocation
// endpoints, the key set and the metadata documents. It decodes forms, calls the engine through the
// guard, and encodes JSON. No rule of what may be granted lives here.
package oauth
