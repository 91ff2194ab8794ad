// Package rpc is the wire of gRPC, Connect and gRPC-Web: one Go type for each service answers all of
// them. A handler converts, calls the engine, and converts; the guard was there before it, and no
// rule of what may be granted lives here.
package rpc
