// Package starter makes a folder to begin with: settings, a policy, keys and state, and the profiles by which
// the commands find the server and the credentials. For development it adds an issuer, an agent and a
// resource server.
package starter
