// Package seal encrypts what is secret at rest: AES-256-GCM keys that bind what they seal to its
// place, and the sources of the key-encryption key, which is kept apart from the store.
package seal
