package process

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

// recordedUses is how many uses the record has of tokens, counted together.
func recordedUses(t *testing.T, place folder.Place) (n uint64) {
	t.Helper()
	s, err := bolt.Open(bolt.Config{Path: place.Database(), ReadOnly: true})
	must(t, err)
	defer s.Close()
	must(t, s.View(context.Background(), func(r store.Reader) error {
		return r.Entries(0, func(index uint64, text []byte) bool {
			event, err := audit.Decode(text)
			if err != nil {
				t.Error(index, err)
			}
			if event.Uses != nil {
				for _, row := range event.Uses.Rows {
					n += row.Count
				}
			}
			return true
		})
	}))
	return n
}

var waitingLine = regexp.MustCompile(`(?m)^whittle_uses_waiting (\d+)$`)

// waitingUses is what the metrics say that a crash would lose now.
func waitingUses(t *testing.T, p *process) uint64 {
	t.Helper()
	_, text := said(t, p.admin+"/metrics")
	found := waitingLine.FindStringSubmatch(text)
	if found == nil {
		t.Fatal("the metrics don't say how many uses wait")
	}
	n, err := strconv.ParseUint(found[1], 10, 64)
	must(t, err)
	return n
}

// A killed server loses the uses that its metrics said were waiting and no other, and they wait no longer than the
// settings say: that time, and the time of the write.
func TestAKilledServerLosesTheUsesThatWaited(t *testing.T) {
	data := t.TempDir()
	place := placeOf(t, data)
	p, s := found(t, data, "--record-uses", "1s")
	var kept uint64
	for round := range uint64(3) {
		token, err := s.as(p, "worker").grant(readToken)
		must(t, err)
		gate := s.as(p, "gate")
		for range 50 {
			if !active(t, gate, token.Text) {
				t.Fatal("a token that is good isn't")
			}
		}
		kept += 50
		eventually(t, fmt.Sprintf("nothing waits, in round %d", round), func() bool { return waitingUses(t, p) == 0 })
		for range 7 * round { // and then some that may be lost
			active(t, gate, token.Text)
		}
		p.kill()
		got := recordedUses(t, place)
		if got < kept || got > kept+7*round {
			t.Fatalf("round %d: %d uses are on the record, of %d to %d", round, got, kept, kept+7*round)
		}
		kept = got
		p = start(t, data, false, "--record-uses", "1s")
	}
}
