// Package bolt is the embedded engine of the store: one file, one process, bbolt underneath.
// Its format is schema 1, as layout.go lays it out; no bbolt type leaves the package. A commit that
// failed is never trusted: the file is closed, opened anew and made durable as it then is before any
// later call looks at it.
package bolt
