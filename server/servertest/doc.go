// Package servertest starts a whole server on loopback ports, with outside issuers, a policy and
// secrets for its clients, and speaks to it over every wire in the same words. Tests and benchmarks
// of the wires are written against it.
package servertest
