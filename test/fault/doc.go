// Package fault tries the path of a commit against a disk that fails: the machine stops between any two writes,
// with what wasn't synced lost, kept or torn, and each write and sync fails, in truth or only by its answer.
package fault
