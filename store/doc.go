// Package store is the contract between Whittle and what keeps its state: plain records, domain
// verbs, and the guarantees that every engine gives (docs/decisions/0003). The conformance suite in
// store/storetest holds an engine to them. Engine: store/bolt. Decorators: store/sealed encrypts what
// is secret before an engine sees it, store/anchored refuses a store that went back in time.
package store
