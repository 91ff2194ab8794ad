// Package verify checks an audit log that somebody else keeps: a copy of its database, an export of its
// entries, or a server, as a monitor that remembers what it saw. It works alone: it needs none of the log's
// secrets, no server, and nothing that the log could have changed.
package verify
