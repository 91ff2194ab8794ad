package rpc

import (
	"context"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
)

// proofs is ProofService.
type proofs struct {
	whittlev1.UnsafeProofServiceServer

	engine *engine.Engine
}

// GetCheckpoint implements the rpc.
func (s *proofs) GetCheckpoint(_ context.Context, m *whittlev1.GetCheckpointRequest) (*whittlev1.GetCheckpointResponse, error) {
	c, err := s.engine.Checkpoint(m.GetWitnessed())
	if err != nil {
		return nil, err
	}
	origin, verifier := s.engine.LogName()
	return &whittlev1.GetCheckpointResponse{
		Note: string(c.Note), Origin: origin, Size: c.Size, Root: c.Root[:], VerifierKey: verifier,
	}, nil
}

// GetInclusionProof implements the rpc.
func (s *proofs) GetInclusionProof(ctx context.Context,
	m *whittlev1.GetInclusionProofRequest) (*whittlev1.GetInclusionProofResponse, error) {
	size, leaf, hashes, err := s.engine.Inclusion(ctx, m.GetSize(), m.GetIndex())
	if err != nil {
		return nil, err
	}
	return &whittlev1.GetInclusionProofResponse{Size: size, LeafHash: leaf[:], Hashes: toHashes(hashes)}, nil
}

// GetConsistencyProof implements the rpc.
func (s *proofs) GetConsistencyProof(ctx context.Context,
	m *whittlev1.GetConsistencyProofRequest) (*whittlev1.GetConsistencyProofResponse, error) {
	newer, hashes, err := s.engine.Consistency(ctx, m.GetOlderSize(), m.GetNewerSize())
	if err != nil {
		return nil, err
	}
	return &whittlev1.GetConsistencyProofResponse{NewerSize: newer, Hashes: toHashes(hashes)}, nil
}

// GetReceipt implements the rpc.
func (s *proofs) GetReceipt(ctx context.Context, m *whittlev1.GetReceiptRequest) (*whittlev1.GetReceiptResponse, error) {
	r, err := s.engine.Receipt(ctx, caller.Of(ctx), m.GetIndex(), m.GetWitnessed())
	if err != nil {
		return nil, err
	}
	out := &whittlev1.GetReceiptResponse{Entry: r.Entry, Proof: r.Proof}
	for _, h := range r.Handovers {
		out.Handovers = append(out.Handovers, &whittlev1.ReceiptHandover{Note: h.Note, Hashes: toHashes(h.Hashes)})
	}
	return out, nil
}

func toHashes(hashes []engine.Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}
