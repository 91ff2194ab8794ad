// Package live is the memory image that every request reads: the policy, the keys and the
// credentials in one view behind one atomic pointer, and the revocations in sharded maps. What
// gives power is durable before it appears here; what takes it away appears here first.
package live
