package process

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The first start is killed at any moment, now and then the second, too: the next one comes up without help, and the
// last credential that was shown is good.
func TestAFirstStartIsKilled(t *testing.T) {
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	file := filepath.Join(t.TempDir(), "policy.yaml")
	must(t, os.WriteFile(file, []byte(policy), 0o600))
	begun, shown := 0, 0
	for range *kills {
		data := t.TempDir()
		secret := ""
		for range 1 + random.IntN(2) {
			p, lines := launch(t, data, "--policy", file)
			time.Sleep(time.Duration(5_000+random.IntN(105_000)) * time.Microsecond)
			p.kill()
			for line := range lines {
				if found := secretLine.FindStringSubmatch(line); found != nil {
					secret = found[1]
					shown++
				}
			}
		}
		if left, err := os.ReadDir(data); err == nil && len(left) > 0 {
			begun++
		}
		p := start(t, data, false, "--policy", file)
		if p.secret != "" {
			secret = p.secret
		}
		if now, err := version(newClient(p.url, "bootstrap", secret)); err != nil || now != 1 {
			t.Fatalf("policy version %d, %v", now, err)
		}
		p.kill()
	}
	t.Logf("%d first starts were killed: %d had begun a state, %d credentials were shown before", *kills, begun, shown)
	if begun == 0 {
		t.Error("that tried too little")
	}
}
