package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
)

// received is a backup as it came over one wire.
func received(t *testing.T, next func() (*whittlev1.BackupResponse, error)) ([]byte, *whittlev1.BackupSummary) {
	t.Helper()
	var data []byte
	for {
		m, err := next()
		if err != nil {
			t.Fatal(err)
		}
		if m.GetSummary() != nil {
			return data, m.GetSummary()
		}
		data = append(data, m.GetData()...)
	}
}

func TestABackupIsWholeOnEveryWire(t *testing.T) {
	config := server.Config{}
	w := servertest.Start(t, servertest.Options{Policy: servertest.ReadFile(t, "../test/scenarios/policies/platform.yaml"), Edit: func(c *server.Config) { config = *c }})
	ctx, ops := context.Background(), w.Client("bootstrap")
	for _, wire := range w.Backups() {
		t.Run(wire.Name, func(t *testing.T) {
			data, summary := received(t, wire.Backup(ctx, ops, &whittlev1.BackupRequest{Note: "of the test"}))
			sum := sha256.Sum256(data)
			if !bytes.Equal(summary.GetSha256(), sum[:]) || summary.GetBytes() != uint64(len(data)) {
				t.Errorf("%d bytes of %x, but it says %v", len(data), sum, summary)
			}
			file := filepath.Join(t.TempDir(), "backup")
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			place, err := config.Place()
			if err != nil {
				t.Fatal(err)
			}
			meta, findings, err := folder.CheckBackup(ctx, place, file)
			if err != nil || len(findings) > 0 {
				t.Fatal(err, findings)
			}
			if summary.GetEntries() != meta.Size || summary.GetPolicyVersion() != meta.Policy || summary.GetGeneration() != hex.EncodeToString(meta.Generation[:]) {
				t.Errorf("it says %v of %+v", summary, meta)
			}
		})
		if _, err := wire.Backup(ctx, w.Client("research-agent"), &whittlev1.BackupRequest{})(); servertest.CodeOf(err) != "access_denied" {
			t.Errorf("%s: an agent gets %v", wire.Name, err)
		}
	}
}
