// Package policy is the live document: what can be asked for, whose tokens are taken, who holds
// which role, and which exchanges may happen. [Compile] reads it whole or not at all and points
// at every mistake; [Policy.Decide] says what one exchange may give and why not more;
// [Policy.Again] looks anew at what an earlier version gave. A Policy never changes.
package policy
