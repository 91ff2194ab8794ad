package index

import (
	"github.com/cespare/xxhash/v2"

	"github.com/whittle-sts/whittle/internal/audit"
)

// term is a term of the log under a hash of 40 bits. Two terms with one hash only name candidates too many: of a
// segment's five million, that happens to one look in two hundred thousand.
type term uint64

const termBits = 40

func termOf(t audit.Term) term {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write([]byte{byte(t.Field)})
	_, _ = d.Write(t.Text)
	return term(d.Sum64() >> (64 - termBits))
}
