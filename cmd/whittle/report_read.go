package main

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/report"
	"github.com/whittle-sts/whittle/internal/verify"
)

// outOfOrder is how much later than an entry after it an entry's time may be. So where the window begins and ends need
// not be believed: the entry before the first is earlier than the window by as much, and the last later.
const outOfOrder = time.Minute

// read reads the window's entries, and all that come after it if they are wanted, and holds them to a checkpoint
// that covers what the log had when it began.
func (r *reporting) read(after bool) error {
	err := r.readOnce(after)
	if errors.Is(err, verify.ErrMissing) { // bodies that were dropped meanwhile, say: a newer checkpoint covers what tells of them
		err = r.readOnce(after)
	}
	return err
}

func (r *reporting) readOnce(after bool) error {
	r.source.Entries, r.source.Dropped = nil, 0
	signed, err := r.checkpoint()
	if err != nil {
		return err
	}
	first, end, err := r.stretch(after, signed.Size)
	if err != nil {
		return err
	}
	r.source.First, r.source.Read = first, end-first
	if first == end {
		return nil
	}
	proof, err := r.server.Proofs().GetInclusionProof(r.ctx, &whittlev1.GetInclusionProofRequest{Index: first, Size: first + 1})
	if err != nil {
		return err
	}
	before, err := verify.Hashes(proof.GetHashes())
	if err != nil {
		return exit.With(exit.No, err)
	}
	stretch, err := verify.NewStretch(first, before)
	if err != nil {
		return exit.With(exit.No, err)
	}
	if err := r.entries(stretch, end); err != nil {
		return err
	}
	if err := r.whole(first, end, signed.Size); err != nil {
		return exit.With(exit.No, err)
	}
	consistent, err := r.server.Proofs().GetConsistencyProof(r.ctx,
		&whittlev1.GetConsistencyProofRequest{OlderSize: end, NewerSize: signed.Size})
	if err != nil {
		return err
	}
	later, err := verify.Hashes(consistent.GetHashes())
	if err != nil {
		return exit.With(exit.No, err)
	}
	return found(stretch.End(signed, later))
}

// stretch is the entries to read: those of the window, and one before and one after them.
func (r *reporting) stretch(after bool, size uint64) (first, end uint64, err error) {
	if first, err = r.firstSince(r.source.From.Add(-outOfOrder), size); err != nil {
		return 0, 0, err
	}
	first = max(first, 1) - 1
	if after {
		return first, size, nil
	}
	if end, err = r.firstSince(r.source.To.Add(outOfOrder), size); err != nil {
		return 0, 0, err
	}
	return first, max(first, min(end+1, size)), nil
}

// whole says whether the window's entries are all there. One that retention dropped has no time to go by.
func (r *reporting) whole(first, end, size uint64) error {
	if len(r.source.Entries) == 0 {
		return nil
	}
	begin, last := r.source.Entries[0], r.source.Entries[len(r.source.Entries)-1]
	if first > 0 && begin.Index == first && !begin.Time.Before(r.source.From.Add(-outOfOrder)) {
		return fmt.Errorf("the server says that the window begins after entry %d, which is in it", first)
	}
	if end < size && last.Index == end-1 && last.Time.Before(r.source.To.Add(outOfOrder)) {
		return fmt.Errorf("the server says that the window ends before entry %d, which is in it", last.Index)
	}
	return nil
}

// checkpoint is one that covers the newest entry, for which it waits.
func (r *reporting) checkpoint() (checkpoint.Signed, error) {
	newest, err := r.server.Audit().ListEntries(r.ctx, &whittlev1.ListEntriesRequest{NewestFirst: true, PageSize: 1})
	if err != nil {
		return checkpoint.Signed{}, err
	}
	var size uint64
	for _, e := range newest.GetEntries() {
		size = e.GetIndex() + 1
	}
	witnessed, patience := len(r.witnesses) > 0, recordedSoon
	if witnessed {
		patience = witnessedSoon
	}
	uncovered := fmt.Errorf("the log has %d entries, and no checkpoint of that kind covers them yet", size)
	res, err := soon(r.call, patience, func() (*whittlev1.GetCheckpointResponse, error) {
		res, err := r.server.Proofs().GetCheckpoint(r.ctx, &whittlev1.GetCheckpointRequest{Witnessed: witnessed})
		if err == nil && res.GetSize() < size {
			err = exit.With(exit.No, uncovered)
		}
		return res, err
	})
	switch {
	case exit.Of(r.server.Explain(err), exit.Failed) == exit.No:
		return checkpoint.Signed{}, exit.With(exit.Unavailable, uncovered)
	case err != nil:
		return checkpoint.Signed{}, err
	}
	return r.trusted(res)
}

// trusted opens the checkpoint with the reader's keys, or else with the server's.
func (r *reporting) trusted(res *whittlev1.GetCheckpointResponse) (checkpoint.Signed, error) {
	key := r.key
	if key == "" {
		key = res.GetVerifierKey()
	}
	trust, err := checkpoint.NewTrust(key, r.witnesses, cmp.Or(r.quorum, len(r.witnesses)))
	if err != nil {
		return checkpoint.Signed{}, exit.With(exit.Usage, err)
	}
	var led []checkpoint.Checkpoint
	if key != res.GetVerifierKey() {
		if trust, led, err = r.follow(trust, res.GetSize()); err != nil {
			return checkpoint.Signed{}, err
		}
	}
	signed, err := trust.Open([]byte(res.GetNote()))
	if err != nil {
		return signed, exit.With(exit.No, fmt.Errorf("the checkpoint isn't signed with that key: %w", err))
	}
	if trust.Quorum() > len(signed.Witnesses) {
		return signed, exit.With(exit.No, fmt.Errorf("%d of the witnesses have co-signed, %d are needed", len(signed.Witnesses), trust.Quorum()))
	}
	if err := r.agrees(signed, led); err != nil {
		return signed, err
	}
	r.source.Checkpoint = report.Checkpoint{Origin: signed.Origin, Size: signed.Size, Root: hex.EncodeToString(signed.Root[:])}
	r.source.Note, r.source.Key, r.source.KeyGiven = res.GetNote(), key, r.key != ""
	return signed, nil
}

// follow trusts also the keys that the log's keys handed over to since the reader took theirs.
func (r *reporting) follow(trust *checkpoint.Trust, size uint64) (*checkpoint.Trust, []checkpoint.Checkpoint, error) {
	stream, err := r.server.AuditFeed().ExportEntries(r.ctx, &whittlev1.ExportEntriesRequest{From: max(size, 1) - 1})
	if err != nil {
		return nil, nil, err
	}
	defer stream.Close()
	first, err := stream.Receive() // which has what speaks for itself
	if err != nil {
		return nil, nil, err
	}
	var handovers [][]byte
	for _, h := range first.GetHandovers() {
		handovers = append(handovers, []byte(h))
	}
	trust, led, err := trust.Follow(handovers)
	return trust, led, exit.With(exit.No, err)
}

// agrees holds the log to the checkpoints with which its keys followed each other.
func (r *reporting) agrees(signed checkpoint.Signed, led []checkpoint.Checkpoint) error {
	for _, older := range led {
		if older.Size > signed.Size {
			continue // what the witnesses have co-signed is of before
		}
		res, err := r.server.Proofs().GetConsistencyProof(r.ctx,
			&whittlev1.GetConsistencyProofRequest{OlderSize: older.Size, NewerSize: signed.Size})
		if err != nil {
			return err
		}
		proof, err := verify.Hashes(res.GetHashes())
		if err == nil {
			err = verify.Begins(signed, older, proof)
		}
		if err != nil {
			return exit.With(exit.No, err)
		}
	}
	return nil
}

// firstSince is the first entry that is not before then, or the log's size if there is none.
func (r *reporting) firstSince(then time.Time, size uint64) (uint64, error) {
	found, err := pages(1, func(page string) ([]*whittlev1.AuditEntry, string, error) {
		res, err := r.server.Audit().ListEntries(r.ctx, &whittlev1.ListEntriesRequest{
			Filter: &whittlev1.EntryFilter{After: timestamppb.New(then)}, PageSize: 1, PageToken: page,
		})
		return res.GetEntries(), res.GetNextPageToken(), err
	})
	if err != nil || len(found) == 0 {
		return size, err
	}
	return min(found[0].GetIndex(), size), nil
}

// entries reads up to end. What retention dropped is taken by its hash.
func (r *reporting) entries(stretch *verify.Stretch, end uint64) error {
	from := stretch.Next()
	ask := &whittlev1.ListEntriesRequest{From: &from, PageSize: 1000}
	for stretch.Next() < end {
		res, err := r.server.Audit().ListEntries(r.ctx, ask)
		if err != nil {
			return err
		}
		for _, e := range res.GetEntries() {
			if e.GetIndex() >= end {
				break
			}
			if err := r.take(stretch, e); err != nil {
				return err
			}
		}
		if ask.PageToken = res.GetNextPageToken(); res.GetNextPageToken() == "" {
			return nil // what is missing shows in the root
		}
	}
	return nil
}

// take takes the next entry, and those before it that were dropped. One that was dropped itself has its turn with the next.
func (r *reporting) take(stretch *verify.Stretch, e *whittlev1.AuditEntry) error {
	if e.GetDropped() != "" {
		leaf, err := verify.Hashes([][]byte{e.GetLeafHash()})
		if err != nil {
			return exit.With(exit.No, err)
		}
		r.source.Dropped++
		return found(stretch.TakeHash(e.GetIndex(), leaf[0]))
	}
	event, err := stretch.Take(e.GetIndex(), e.GetSealed())
	if err != nil {
		return found(err)
	}
	if err := open(&event, e.GetPeople()); err != nil {
		return exit.With(exit.No, err)
	}
	r.source.Entries = append(r.source.Entries, report.Entry{Index: e.GetIndex(), Event: event})
	return nil
}

// open puts into the event the people that the server opened.
func open(e *audit.Event, people []*whittlev1.AuditPerson) error {
	if len(people) != len(e.People) {
		return errors.New("the server names other people than the entry")
	}
	for i, p := range people {
		e.People[i].Issuer, e.People[i].Subject, e.People[i].Erased, e.People[i].Bindings = p.GetIssuer(), p.GetSubject(), p.GetErased(), p.GetBindings()
	}
	return nil
}
