// Package witnesstest plays a witness for tests (C2SP tlog-witness), one that is honest or one that answers whatever
// the test wants. It shares no code with what asks witnesses or reads co-signatures, so that the two can't be wrong together.
package witnesstest
