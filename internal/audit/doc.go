// Package audit is the third promise: no token leaves, and nothing else that gives power takes
// effect, before its entry in the log is durable. [Log.Do] is the only writer of state; it writes a
// change and its entry in one commit that many callers share. What an entry says of a person is
// sealed under that person's key, so that erasing the key erases the person and no hash changes.
package audit
