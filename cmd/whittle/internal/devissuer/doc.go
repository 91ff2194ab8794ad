// Package devissuer is an outside issuer for development: it signs tokens for whatever subject and groups
// it is asked for, and publishes its key over loopback. Whoever reads its file is everybody to a server
// that takes its tokens, so it serves no other address, and says what it is.
package devissuer
