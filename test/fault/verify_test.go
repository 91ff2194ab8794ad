//go:build linux && !race

package fault

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/store"
)

// verify goes on, closes, and holds all of it against itself. The texts are what may have been deleted: of those that
// were, none is left in the file.
func verify(t *testing.T, p folder.Place, s *state, verifier string, texts map[string]bool) {
	t.Helper()
	ctx := context.Background()
	if err := audit.Check(ctx, s.kept); err != nil {
		t.Error("the log:", err)
	}
	if err := s.kept.Scrub(ctx); err != nil { // as a server does when it has started
		t.Error("clearing what is free:", err)
	}
	there, err := s.texts()
	if err != nil {
		t.Error(err)
	}
	file := read(t, p.Database())
	for text := range without(texts, there) {
		if file.holds(text) {
			t.Error("what was erased before the start is in the file after free pages were cleared")
		}
	}
	for i := range kinds { // of which each kind mends something
		if err := s.step(8*100 + i); err != nil {
			t.Error("the next change:", err)
		}
	}
	if err := s.followed(verifier); err != nil {
		t.Error("the keys of the log:", err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	_, findings, err := folder.Check(ctx, p)
	if err != nil || len(findings) > 0 {
		t.Error(err, findings)
	}
}

// followed says why who knows the log's first key can't follow it to what is signed now, by the handovers alone.
// Each of these is in an entry too, after the one that names the key.
func (s *state) followed(verifier string) error {
	ctx := context.Background()
	signed, err := s.log.Sign(ctx)
	if err != nil {
		return err
	}
	handovers := s.log.Handovers()
	first, err := checkpoint.NewTrust(verifier, nil, 0)
	if err != nil {
		return err
	}
	trust, _, err := first.Follow(handovers)
	if err != nil {
		return err
	}
	if _, err := trust.Open(signed.Note); err != nil {
		return err
	}
	var named string
	var told [][]byte
	err = s.kept.View(ctx, func(r store.Reader) error {
		return r.Entries(0, func(index uint64, entry []byte) bool {
			if _, dropped := audit.ReadRemnant(entry); dropped {
				return true
			}
			e, bad := audit.Decode(entry)
			if err = bad; err != nil || e.Kind != audit.KindKey || e.Change == nil {
				return err == nil
			}
			if e.Change.Action == audit.ActionTookOver {
				if told = append(told, []byte(e.Change.Note)); e.Change.ID != named {
					err = fmt.Errorf("entry %d: a key took over that the entry before doesn't name", index)
				}
			}
			named = e.Change.ID
			return err == nil
		})
	})
	if err == nil && !slices.EqualFunc(told, handovers, bytes.Equal) {
		err = fmt.Errorf("%d handovers are kept, and entries tell of %d, or of others", len(handovers), len(told))
	}
	return err
}
