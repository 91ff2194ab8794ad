// Package deploy holds the files in deploy/ to what reads them: BuildKit's parser and linter, Compose's own loader,
// systemd-analyze, Prometheus's parser and rule engine, Grafana's schema, and the command itself, whose metrics they
// name. No container engine is needed. It is a module of its own, so that what it needs stays out of the command's.
package deploy
