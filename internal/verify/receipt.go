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
	// Handovers is how the log's keys followed each other, for who knows another than the one that signed the proof.
	Handovers []ReceiptHandover `json:"handovers"`
}

// ReceiptHandover is a checkpoint that two keys of the log signed.
type ReceiptHandover struct {
	Note   string   `json:"note"`
	Hashes [][]byte `json:"hashes"` // the log of the proof's checkpoint begins with it; none if that one is older
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
	trust, led, err := r.follow(trust)
	if err != nil {
		return 0, e, s, err
	}
	if s, err = proof.Verify(trust, tree.LeafHash([]byte(r.Entry))); err != nil {
		return 0, e, s, err
	}
	for _, older := range led {
		if err := r.agrees(s, older); err != nil {
			return 0, e, s, err
		}
	}
	e, err = audit.Decode([]byte(r.Entry))
	return proof.Index, e, s, err
}

// follow trusts also the keys that the receipt's handovers lead to.
func (r Receipt) follow(trust *checkpoint.Trust) (*checkpoint.Trust, []checkpoint.Checkpoint, error) {
	handovers := make([][]byte, len(r.Handovers))
	for i, h := range r.Handovers {
		handovers[i] = []byte(h.Note)
	}
	return trust.Follow(handovers)
}

// agrees says whether the log of the checkpoint begins with that of the handover, if it isn't of before it.
func (r Receipt) agrees(s checkpoint.Signed, older checkpoint.Checkpoint) (err error) {
	if older.Size > s.Size {
		return nil
	}
	err = checkpoint.ErrProof
	for _, h := range r.Handovers {
		if c, bad := checkpoint.Unverified([]byte(h.Note)); bad != nil || c != older {
			continue
		}
		proof, bad := Hashes(h.Hashes)
		if bad == nil {
			bad = Begins(s, older, proof)
		}
		if bad == nil {
			return nil
		}
		err = bad
	}
	return err
}
