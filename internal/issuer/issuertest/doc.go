// Package issuertest is an outside identity provider for tests and for the demonstration: it
// makes real keys, publishes them over loopback and signs what it is told to, right or wrong.
// It can also be down, slow, redirecting, or answer garbage without end. It shares no code with
// what verifies its tokens, so that the two can't be wrong together.
package issuertest
