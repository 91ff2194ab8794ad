// Package index finds entries of the audit log by what is in them. A follower derives it from the log into a file of
// its own: whoever loses the file loses nothing, and a file that isn't what was written is made anew. It names
// candidates, and the search looks at each; so it may name too many, and never too few (docs/decisions/0009).
package index
