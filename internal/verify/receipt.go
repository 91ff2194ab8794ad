package verify

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
)

// Receipt is what shows to whoever trusts the log that an entry is in it: the entry, byte for byte, and the proof.
type Receipt struct {
	Entry string `json:"entry"`
	Proof string `json:"proof"` // C2SP tlog-proof
}

// ParseReceipt reads a receipt.
func ParseReceipt(text []byte) (r Receipt, err error) {
	if err := json.Unmarshal(text, &r, json.RejectUnknownMembers(true)); err != nil {
		return Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	return r, nil
}

// Verify says what the entry says, with its people sealed, its index, and the checkpoint that covers it.
func (r Receipt) Verify(trust *checkpoint.Trust) (index uint64, e audit.Event, s checkpoint.Signed, err error) {
	proof, err := checkpoint.ParseProof(r.Proof)
	if err != nil {
		return 0, e, s, err
	}
	if s, err = proof.Verify(trust, tree.LeafHash([]byte(r.Entry))); err != nil {
		return 0, e, s, err
	}
	e, err = audit.Decode([]byte(r.Entry))
	return proof.Index, e, s, err
}
