// Package remote is the server as the commands see it: asked over Connect as the client that the profile,
// environment or flags name, with errors that say what to do next. No rule of the server's lives here.
package remote
