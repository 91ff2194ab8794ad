// Package fault tries the path of a commit against a disk that fails: the machine stops between any two writes,
// with what was not synced lost, kept or torn, and each write, sync and lengthening of the file fails, in truth or only
// by its answer.
package fault
