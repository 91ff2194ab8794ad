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
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/verify"
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
