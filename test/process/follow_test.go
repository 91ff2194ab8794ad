//go:build !windows

package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// auditor is a command that asks as the client that may read the record.
func auditor(p *process, s staff, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, append([]string{"audit"}, args...)...)
	cmd.Env = append(os.Environ(), "WHITTLE_URL="+p.url, "WHITTLE_CLIENT_ID=ops", "WHITTLE_CLIENT_SECRET="+s["ops"])
	return cmd
}

// indices are those of the entries that a command printed for programs.
func indices(t *testing.T, text string) (all []uint64) {
	t.Helper()
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			break // it is being printed
		}
		var entry struct {
			Index uint64 `json:"index,string"`
		}
		must(t, json.Unmarshal([]byte(line), &entry))
		all = append(all, entry.Index)
	}
	return all
}

// Whoever follows the log hears of each entry once, in order, over all restarts of the server, killed or stopped.
func TestFollowingOutlivesTheServer(t *testing.T) {
	data := t.TempDir()
	p, s := found(t, data)
	follow := auditor(p, s, "follow", "--from", "0", "--json")
	var heard, said lockedBuilder
	follow.Stdout, follow.Stderr = &heard, &said
	must(t, follow.Start())
	defer func() { _ = follow.Process.Kill() }()
	caughtUp := func() bool {
		out, err := auditor(p, s, "list", "--oldest-first", "--limit", "0", "--json").Output()
		must(t, err)
		return slices.Equal(indices(t, string(out)), indices(t, heard.String()))
	}
	for restart := range 4 {
		worker := s.as(p, "worker")
		for range 20 {
			if _, err := worker.grant(readToken); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, fmt.Sprintf("each entry was heard of once, before restart %d", restart), caughtUp)
		if restart%2 == 0 {
			p.kill()
		} else {
			must(t, p.cmd.Process.Signal(syscall.SIGTERM))
			must(t, p.cmd.Wait())
			close(p.ended)
		}
		p = start(t, data, false, "--http", strings.TrimPrefix(p.url, "http://"))
	}
	eventually(t, "each entry was heard of once, at the end", caughtUp)
	if !strings.Contains(said.String(), "the connection is lost; trying again from entry") {
		t.Errorf("it doesn't say that it was lost: %s", &said)
	}
	must(t, follow.Process.Signal(os.Interrupt))
	if err := follow.Wait(); err != nil {
		t.Errorf("told to stop, it ends with %v: %s", err, &said)
	}
}

// After a restore an index is another entry's, so whoever follows is told, and doesn't go on.
func TestFollowingEndsWithTheLog(t *testing.T) {
	data := t.TempDir()
	file := data + "/backup"
	p, s := found(t, data)
	backup(t, p, s, file)
	follow := auditor(p, s, "follow", "--from", "0", "--json")
	var heard, said lockedBuilder
	follow.Stdout, follow.Stderr = &heard, &said
	must(t, follow.Start())
	defer func() { _ = follow.Process.Kill() }()
	eventually(t, "something is heard", func() bool { return len(indices(t, heard.String())) > 0 })
	p.kill()
	if out, err := command(t, nil, "restore", file, "--data", data, "--yes"); err != nil {
		t.Fatal(err, out)
	}
	start(t, data, false, "--http", strings.TrimPrefix(p.url, "http://"))
	err := follow.Wait()
	if ended, ok := errors.AsType[*exec.ExitError](err); !ok || ended.ExitCode() != 1 || !strings.Contains(said.String(), "has another log now") {
		t.Errorf("it ends with %v: %s", err, &said)
	}
}
