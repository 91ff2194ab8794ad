// Package profile keeps what the commands need to find a server and to prove who asks: one YAML file a
// server and client, for its owner's eyes alone. It also decides, from flags, environment and profile,
// which server a command asks and as whom, so that a credential only goes where it belongs.
package profile
