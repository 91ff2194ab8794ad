package forward

import (
	"encoding/hex"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/whittle-sts/whittle/internal/audit"
)

// appendEntry is an entry as receivers get it: its place, the hash that the tree has of it, and the entry, byte for byte as
// it is hashed. One whose body is gone, or can't be read, is null: it was.
func appendEntry(b []byte, e audit.Item) []byte {
	b = strconv.AppendUint(append(b, `{"index":`...), e.Index, 10)
	b = hex.AppendEncode(append(b, `,"leaf_hash":"`...), e.Leaf[:])
	b = append(b, `","entry":`...)
	if jsontext.Value(e.Bytes).IsValid() {
		b = append(b, e.Bytes...)
	} else {
		b = append(b, "null"...)
	}
	return append(b, '}')
}
