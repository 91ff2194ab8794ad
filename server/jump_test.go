package server_test

import (
	"context"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/verify"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
)

var lagLine = regexp.MustCompile(`(?m)^whittle_checkpoint_lag_seconds\{signed_by="log"\} (\S+)$`)

// A wall clock that jumps, ahead or back, holds up neither what takes power away nor its entry nor the checkpoint over that;
// the log is the one that it was, and no lag is told that isn't there.
func TestTheLogGoesOnWhenTheClockJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{"ahead": 3 * time.Hour, "back": -3 * time.Hour, "to 1970": -time.Since(time.Unix(0, 0))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ahead atomic.Int64
			wall := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			policy := servertest.ReadFile(t, "../test/scenarios/policies/platform.yaml")
			b := browser{servertest.Start(t, servertest.Options{Policy: policy, Now: wall}), t}
			proofs, ops := whittlev1.NewProofServiceClient(b.Conn), b.As(context.Background(), b.Client("bootstrap"))
			key, err := proofs.GetCheckpoint(ops, &whittlev1.GetCheckpointRequest{})
			if err != nil {
				t.Fatal(err)
			}
			trust, err := checkpoint.NewTrust(key.GetVerifierKey(), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, path, _ := strings.Cut(trust.Origin(), "/")
			monitor := verify.Monitor{Trust: trust, URL: b.HTTPURL() + "/" + path, Seen: verify.File(filepath.Join(t.TempDir(), "seen"))}
			before, err := monitor.Step(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ahead.Store(int64(jump))
			b.revoke(strings.Repeat("A", 22))
			eventually(t, "a monitor sees the revocation in the same log", func() bool {
				after, err := monitor.Step(t.Context())
				return err == nil && after.Size > before.Size
			})
			found := lagLine.FindStringSubmatch(b.metrics())
			if found == nil {
				t.Fatal("no lag is told")
			}
			if lag, err := strconv.ParseFloat(found[1], 64); err != nil || lag < 0 || lag > 60 {
				t.Errorf("the lag of checkpoints is %s", found[1])
			}
		})
	}
}

// Whoever accepts a clock that had jumped back leaves an entry, each time, and nobody else does.
func TestAcceptingAClockIsOnTheRecord(t *testing.T) {
	var ahead atomic.Int64
	var config server.Config
	b := browser{servertest.Start(t, servertest.Options{
		Now:  func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Edit: func(c *server.Config) { config = *c },
	}), t}
	started := time.Now()
	b.revoke(strings.Repeat("A", 22))
	for _, step := range []struct {
		why    string
		back   time.Duration
		accept bool
		want   int // entries then
	}{
		{"nothing to accept", 0, true, 0},
		{"not accepted", 3 * time.Hour, false, 0},
		{"accepted", 3 * time.Hour, true, 1},
		{"accepted again", 2 * time.Hour, true, 2},
		{"nothing to accept any more", 0, true, 2},
	} {
		b.Stop()
		ahead.Store(-int64(step.back))
		config.AcceptClock = step.accept
		b.Boot(config)
		res, err := whittlev1.NewAuditServiceClient(b.Conn).ListEntries(b.As(t.Context(), b.Client("bootstrap")),
			&whittlev1.ListEntriesRequest{Filter: &whittlev1.EntryFilter{Kind: string(audit.KindClock)}})
		if err != nil {
			t.Fatal(err)
		}
		found := res.GetEntries()
		if len(found) != step.want {
			t.Fatalf("%s: %d entries, want %d", step.why, len(found), step.want)
		}
		if !step.accept || step.back == 0 {
			continue
		}
		e, err := audit.Decode(found[len(found)-1].GetSealed())
		if err != nil {
			t.Fatal(err)
		}
		if e.Change == nil || e.Change.Action != audit.ActionAccepted || e.Client != "bootstrap" || e.Time.Before(started.Truncate(time.Millisecond)) {
			t.Fatalf("%s: %+v, %+v", step.why, e, e.Change)
		}
		if off := e.Time.Sub(e.Change.Wall) - step.back; off < -time.Hour || off > time.Hour {
			t.Errorf("%s: at %v the clock said %v", step.why, e.Time, e.Change.Wall)
		}
	}
}
