// Package store is the contract between Whittle and what keeps its state: plain records, domain
// verbs, and the guarantees that every engine gives. The conformance suite in store/storetest
// holds an engine to them. Engines: store/bolt. Decorator: store/sealed, which encrypts what is
// secret in the records before an engine sees it.
package store
