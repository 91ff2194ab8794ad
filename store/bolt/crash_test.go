package bolt

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// crashVariable holds the folder in which a test binary writes until it is killed.
const crashVariable = "WHITTLE_BOLT_CRASH"

func TestKilledProcessLosesNothingItAnswered(t *testing.T) {
	if folder := os.Getenv(crashVariable); folder != "" {
		writeForever(t, folder)
	}
	for round := range 3 {
		folder := t.TempDir()
		run := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		run.Env = append(os.Environ(), crashVariable+"="+folder)
		out, err := run.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := run.Start(); err != nil {
			t.Fatal(err)
		}
		answered := uint64(0)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				answered = n
			}
			if answered == uint64(20+round*7) {
				_ = run.Process.Kill()
			}
		}
		_ = run.Wait()
		afterCrash(t, folder, answered)
	}
}

// writeForever appends entries and says how many are durable.
func writeForever(t *testing.T, folder string) {
	s := open(t, folder)
	for {
		var size uint64
		err := update(s, func(tx store.Tx) error {
			index, err := tx.AppendEntry(make([]byte, 5000), time.Time{})
			size = index + 1
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(size)
	}
}

func afterCrash(t *testing.T, folder string, answered uint64) {
	t.Helper()
	s := open(t, folder)
	defer s.Close()
	var entries uint64
	err := s.View(context.Background(), func(r store.Reader) error {
		return r.Entries(0, func(uint64, []byte) bool { entries++; return true })
	})
	if err != nil || entries < answered || answered == 0 {
		t.Errorf("%d entries answered, %d there, %v", answered, entries, err)
	}
	checkPages(t, s)
}
