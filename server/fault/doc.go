// Package fault is the one table from an error to what a caller sees of it, on every wire. What
// leaves is the OAuth code, a safe description and the decision's id; a cause never does. No other
// package names the status codes of gRPC and Connect.
package fault
