package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/verify"
)

// patience is how long the demo waits for a checkpoint.
const patience = 10 * time.Second

// monitor watches the server's log as an outsider does, with the entries as edit leaves them.
func (s *story) monitor(ctx context.Context, edit func(index uint64, entry []byte) []byte) (*verify.Monitor, error) {
	res, err := s.covering(ctx)
	if err != nil {
		return nil, err
	}
	trust, err := checkpoint.NewTrust(res.GetVerifierKey(), nil, 0)
	if err != nil {
		return nil, err
	}
	service := whittlev1connect.NewAuditServiceClient(s.rpc)
	return &verify.Monitor{
		Trust: trust, URL: "http://" + res.GetOrigin(), Seen: verify.Forgetful{},
		Entries: func(ctx context.Context, from uint64) (out [][]byte, err error) {
			page, err := service.ListEntries(s.as(ctx, "ops-console"), &whittlev1.ListEntriesRequest{From: &from, PageSize: 1000})
			for _, e := range page.GetEntries() {
				out = append(out, edit(e.GetIndex(), e.GetSealed()))
			}
			return out, err
		},
	}, nil
}

// covering waits for the checkpoint of all entries so far, which comes within a second.
func (s *story) covering(ctx context.Context) (res *whittlev1.GetCheckpointResponse, err error) {
	proofs := whittlev1connect.NewProofServiceClient(s.rpc)
	err = soon(ctx, patience, func() (err error) {
		res, err = proofs.GetCheckpoint(s.as(ctx, "ops-console"), &whittlev1.GetCheckpointRequest{})
		if err == nil && res.GetSize() < s.entries {
			err = fmt.Errorf("the newest checkpoint is of %d entries, not yet of %d", res.GetSize(), s.entries)
		}
		return err
	})
	return res, err
}

func (s *story) verifyLog(ctx context.Context) (string, error) {
	m, err := s.monitor(ctx, func(_ uint64, entry []byte) []byte { return entry })
	if err != nil {
		return "", err
	}
	r, err := m.Step(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("entries 0 to %d are those of the signed tree", r.Size-1), expect(r.Size >= s.entries, r)
}

// tampered is the entry that the demo edits in its copy.
const tampered = 7

func (s *story) tamper(ctx context.Context) (string, error) {
	m, err := s.monitor(ctx, func(index uint64, entry []byte) []byte {
		if index == tampered {
			return bytes.Replace(entry, []byte(`"kind":"`), []byte(`"kind":"X`), 1)
		}
		return entry
	})
	if err != nil {
		return "", err
	}
	_, err = m.Step(ctx)
	found, ok := errors.AsType[*verify.Finding](err)
	return fmt.Sprint("found out: ", err), expect(ok && found.Index == tampered && errors.Is(err, verify.ErrChanged), err)
}
