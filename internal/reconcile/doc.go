// Package reconcile holds a resource server's own access log against the record: which of its actions no token
// allowed, and which tokens nobody used. It needs no key and no server: who tokens speak for is known by the
// pseudonyms of the entries, and tokens by their ids.
package reconcile
