// Package document reads YAML that people write, the policy and the settings, and points at each
// mistake in it by line and column. What would let a document mean something else than its reader
// sees is a mistake.
package document
