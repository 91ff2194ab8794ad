// Package bolt keeps Whittle's state in one embedded bbolt file: the default engine, for one process
// on one machine. It gives the guarantees of store.Store; no bbolt type leaves it.
package bolt
