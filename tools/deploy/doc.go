// Package deploy holds the files in deploy/ to what reads them: BuildKit's parser and linter, Compose's own loader,
// systemd-analyze, and the command itself. No container engine is needed. It is a module of its own, so that what
// it needs stays out of the command's.
package deploy
