// Package process tries the real binary as a machine treats it: killed at any moment, started on an old copy
// of its state, out of space on a full disk.
package process
