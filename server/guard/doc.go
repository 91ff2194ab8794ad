// Package guard is the one way into the server, whatever the wire: it recovers from panics, sets the
// deadline, authenticates the caller, holds it to its rate, asks the table whether it may, checks the
// message's shape, and counts. The wires differ only in where they find credentials and messages.
// A method without an entry in the table stops the server at its start.
package guard
