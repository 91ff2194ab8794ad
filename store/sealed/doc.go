// Package sealed encrypts what is secret in the records of a store before the store sees it: the
// signing keys, the server's own secrets and the keys of people. Each is bound to its place, so
// that a sealed value that was moved to another row doesn't open. The data keys that do this stand in the
// store as well, wrapped under a key-encryption key that doesn't: that one can be replaced while the store
// is in use.
package sealed
