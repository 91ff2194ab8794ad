package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

// What the log proves of itself. Hashes and signatures tell nobody who does what, so any client may have
// them; they are also published.

// Hash is a hash of the log's tree.
type Hash = [32]byte

// Checkpoint is the newest signed state of the log, or the newest that enough witnesses have co-signed.
func (e *Engine) Checkpoint(witnessed bool) (store.Checkpoint, error) {
	newest := e.log.Signed
	if witnessed {
		newest = e.log.Witnessed
	}
	c, ok := newest()
	if !ok {
		return c, Refuse(NotFound, "no_checkpoint", "there is no such checkpoint yet")
	}
	return c, nil
}

// LogName is who the log says it is on its checkpoints, and the key to verify them with, as notes write them.
func (e *Engine) LogName() (origin, verifier string) { return e.log.Origin(), e.log.Verifier() }

// Handovers is with which checkpoints the log's keys followed each other, in their order.
func (e *Engine) Handovers() [][]byte { return e.log.Handovers() }

// covered is the size to prove something for: the newest checkpoint's, if none is named.
func (e *Engine) covered(size uint64) (uint64, error) {
	c, err := e.Checkpoint(false)
	if size == 0 {
		size = c.Size
	}
	return size, err
}

// Inclusion proves that the log of that size, or of the newest checkpoint's if it is 0, has an entry at index.
func (e *Engine) Inclusion(ctx context.Context, size, index uint64) (of uint64, leaf Hash, proof []Hash, err error) {
	if of, err = e.covered(size); err != nil {
		return 0, leaf, nil, err
	}
	hash, hashes, err := e.log.Inclusion(ctx, of, index)
	return of, hash, plainHashes(hashes), proofFailed(err)
}

// Consistency proves that the log of the newer size, or of the newest checkpoint's if it is 0, begins with the older one.
func (e *Engine) Consistency(ctx context.Context, older, newer uint64) (of uint64, proof []Hash, err error) {
	if of, err = e.covered(newer); err != nil {
		return 0, nil, err
	}
	hashes, err := e.log.Consistency(ctx, older, of)
	return of, plainHashes(hashes), proofFailed(err)
}

// Receipt is an entry, byte for byte as it is hashed, and the proof (C2SP tlog-proof) that it is on the record, with how
// the log's keys followed each other.
type Receipt struct {
	Entry, Proof string
	Handovers    []Handover
}

// Handover is a checkpoint that two keys of the log signed, and the proof that the log of a receipt begins with it.
type Handover struct {
	Note   string
	Hashes []Hash // none if the receipt's checkpoint is older
}

// Receipt is that of one entry, under the newest checkpoint. The caller must be the client that the entry names, to
// whom it tells nothing new, or hold audit.read.
func (e *Engine) Receipt(ctx context.Context, caller clientauth.Caller, index uint64, witnessed bool) (Receipt, error) {
	items, err := e.log.List(ctx, index, 1)
	if err != nil {
		return Receipt{}, unavailable("store", err)
	}
	if len(items) == 0 {
		return Receipt{}, Refuse(NotFound, "no_entry", fmt.Sprintf("there is no entry %d", index))
	}
	if items[0].Dropped.Class != "" {
		return Receipt{}, errDropped()
	}
	event, err := audit.Decode(items[0].Bytes)
	if err != nil {
		return Receipt{}, err
	}
	if event.Client != caller.ID {
		if err := e.require(caller, policy.AuditRead); err != nil {
			return Receipt{}, err
		}
	}
	c, err := e.Checkpoint(witnessed)
	if err != nil {
		return Receipt{}, err
	}
	_, hashes, err := e.log.Inclusion(ctx, c.Size, index)
	if err != nil {
		return Receipt{}, proofFailed(err)
	}
	handovers, err := e.handovers(ctx, c.Size)
	if err != nil {
		return Receipt{}, err
	}
	proof := checkpoint.Proof{Index: index, Hashes: hashes, Note: c.Note}
	return Receipt{Entry: string(items[0].Bytes), Proof: proof.Text(), Handovers: handovers}, nil
}

// handovers is how the log's keys followed each other, held to the log of that size.
func (e *Engine) handovers(ctx context.Context, size uint64) (out []Handover, err error) {
	for _, note := range e.log.Handovers() {
		h := Handover{Note: string(note)}
		older, err := checkpoint.Unverified(note)
		if err != nil {
			return nil, unavailable("handover", err)
		}
		if older.Size <= size {
			if _, h.Hashes, err = e.Consistency(ctx, older.Size, size); err != nil {
				return nil, err
			}
		}
		out = append(out, h)
	}
	return out, nil
}

func plainHashes[H ~[32]byte](hashes []H) []Hash {
	out := make([]Hash, len(hashes))
	for i, h := range hashes {
		out[i] = Hash(h)
	}
	return out
}

func proofFailed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, audit.ErrNotCovered):
		return Refuse(NotFound, "not_covered", "no checkpoint covers this; one that comes within a second may")
	default:
		return unavailable("store", err)
	}
}
