package servertest

import (
	"context"
	"fmt"
	"maps"
	"time"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/audit"
)

// judgeUses waits until the record says what is wanted of uses, or says otherwise for too long.
func (s *story) judgeUses(ctx context.Context, want []Used) string {
	wanted := make(map[Used]uint64)
	for _, u := range want {
		count := u.Count
		u.Count, u.Token = 0, s.ids[u.Token]
		wanted[u] += count
	}
	for {
		got, err := s.usesOnRecord(ctx)
		switch {
		case err == nil && maps.Equal(got, wanted):
			return ""
		case ctx.Err() != nil:
			return fmt.Sprintf("on the record: %v, %v\nwanted: %v", got, err, wanted)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// usesOnRecord sums up all entries that tell of uses.
func (s *story) usesOnRecord(ctx context.Context) (map[Used]uint64, error) {
	out := make(map[Used]uint64)
	log := whittlev1.NewAuditServiceClient(s.Conn)
	for page := ""; ; {
		res, err := log.ListEntries(s.As(ctx, s.Client("ops-console")), &whittlev1.ListEntriesRequest{PageSize: 1000, PageToken: page})
		if err != nil {
			return nil, err
		}
		for _, e := range res.GetEntries() {
			event, err := audit.Decode(e.GetSealed())
			if err != nil {
				return nil, err
			}
			if event.Uses == nil {
				continue
			}
			for _, r := range event.Uses.Rows {
				out[Used{By: event.Client, Token: r.Token, Scope: r.Scope, Does: r.Action, Uncovered: r.Uncovered,
					Each: event.Kind != audit.KindUses}] += r.Count
			}
		}
		if page = res.GetNextPageToken(); page == "" {
			return out, nil
		}
	}
}
