//go:build !windows

package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/witness/witnesstest"
)

// witnessed is a witness that is served, and how the settings name it.
func witnessed(t *testing.T, name string, answer witnesstest.Answer) (w *witnesstest.Witness, setting string) {
	t.Helper()
	w = witnesstest.New(name, answer)
	s := httptest.NewServer(w)
	t.Cleanup(s.Close)
	return w, s.URL + " " + w.Key()
}

// nowhere is an address at which nobody listens.
func nowhere(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}

// exits runs a command as the client ops and holds it to its exit status.
func exits(t *testing.T, p *process, s staff, code int, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "WHITTLE_URL="+p.url, "WHITTLE_CLIENT_ID=ops", "WHITTLE_CLIENT_SECRET="+s["ops"])
	var said lockedBuilder
	cmd.Stderr = &said
	out, err := cmd.Output()
	got := 0
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		got = ended.ExitCode()
	} else {
		must(t, err)
	}
	if got != code {
		t.Fatalf("whittle %s exits with %d, want %d: %s%s", strings.Join(args, " "), got, code, out, &said)
	}
	return string(out)
}

// kept writes what a command said to a file.
func kept(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kept")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// receipted is a grant from the token endpoint whose receipt was asked for.
func receipted(t *testing.T, c *client) (entry string) {
	t.Helper()
	ask := url.Values{"receipt": {"true"}}
	for name, values := range readToken {
		ask[name] = values
	}
	var got struct {
		Entry *uint64 `json:"entry_index"`
	}
	must(t, c.form("/oauth2/token", ask, &got))
	if got.Entry == nil {
		t.Fatal("the token endpoint doesn't say which entry it is")
	}
	return strconv.FormatUint(*got.Entry, 10)
}

// Of a server with three witnesses, of which one is down and one lies, whatever the honest one has co-signed verifies
// offline, when the server is gone: a receipt of the token endpoint's, an export, and a report's checkpoint. Nothing counts
// as co-signed by the other two.
func TestWitnessesOfAServer(t *testing.T) {
	honest, first := witnessed(t, "honest.example/w", witnesstest.Honest)
	liar, second := witnessed(t, "liar.example/w", witnesstest.Another)
	down := witnesstest.New("down.example/w", nil)
	third := "http://" + nowhere(t) + " " + down.Key()
	p, s := found(t, t.TempDir(), "--witness", first, "--witness", second, "--witness", third, "--witness-quorum", "1")
	entry := receipted(t, s.as(p, "worker"))
	key := strings.TrimSpace(exits(t, p, s, 0, "audit", "checkpoint", "--key"))
	var receipt string
	eventually(t, "the honest witness has co-signed the entry", func() bool {
		out, err := auditor(p, s, "receipt", entry, "--witnessed").Output()
		receipt = string(out)
		return err == nil
	})
	// Whose it isn't has no receipt.
	if err := s.as(p, "gate").rpc("ProofService/GetReceipt", map[string]any{"index": entry}, nil); !is(err, http.StatusForbidden) {
		t.Errorf("another client has the receipt: %v", err)
	}
	export := exits(t, p, s, 0, "audit", "export", "--witnessed")
	exits(t, p, s, 0, "report", "revocations", "--key", key, "--witness", honest.Key(), "--json")
	exits(t, p, s, 4, "report", "revocations", "--key", key, "--witness", liar.Key(), "--json")
	exits(t, p, s, 4, "report", "revocations", "--key", key, "--witness", honest.Key(), "--witness", down.Key(), "--json")
	eventually(t, "it says once what is wrong with each", func() bool {
		said := p.stderr.String()
		return strings.Contains(said, strings.Fields(second)[0]) && strings.Contains(said, strings.Fields(third)[0])
	})
	if strings.Contains(p.stderr.String(), strings.Fields(first)[0]) {
		t.Errorf("it complains of the honest one: %s", &p.stderr)
	}
	p.kill()

	for form, file := range map[string]string{"--receipt": kept(t, receipt), "--export": kept(t, export)} {
		exits(t, p, s, 0, "audit", "verify", "--key", key, form, file, "--witness", honest.Key(), "--quorum", "1")
		exits(t, p, s, 4, "audit", "verify", "--key", key, form, file, "--witness", liar.Key(), "--quorum", "1")
		exits(t, p, s, 4, "audit", "verify", "--key", key, form, file, "--witness", honest.Key(), "--witness", down.Key(), "--quorum", "2")
	}
	var parts struct{ Entry, Proof string }
	must(t, json.Unmarshal([]byte(receipt), &parts))
	parts.Entry = strings.Replace(parts.Entry, `"client":"worker"`, `"client":"barker"`, 1)
	forged, err := json.Marshal(map[string]string{"entry": parts.Entry, "proof": parts.Proof})
	must(t, err)
	exits(t, p, s, 4, "audit", "verify", "--key", key, "--receipt", kept(t, string(forged)))
}

// While too few witnesses can be reached nothing counts as witnessed, and grants go on; when they are back, all of it does.
func TestAWitnessComesBack(t *testing.T) {
	honest, first := witnessed(t, "honest.example/w", witnesstest.Honest)
	late := witnesstest.New("late.example/w", witnesstest.Honest)
	at := nowhere(t)
	p, s := found(t, t.TempDir(), "--witness", first, "--witness", "http://"+at+" "+late.Key())
	worker := s.as(p, "worker")
	entry := receipted(t, worker)
	eventually(t, "the one that is up was asked about the entry", func() bool { return honest.Asked() > 0 })
	exits(t, p, s, 0, "audit", "receipt", entry)
	exits(t, p, s, 4, "audit", "export", "--witnessed")
	if _, text := said(t, p.admin+"/metrics"); !strings.Contains(text, `whittle_checkpoint_entries{signed_by="witnesses"} 0`) {
		t.Error("the metrics say that something was witnessed, or don't say it")
	}
	l, err := net.Listen("tcp", at)
	must(t, err)
	back := httptest.NewUnstartedServer(late)
	back.Listener.Close()
	back.Listener = l
	back.Start()
	t.Cleanup(back.Close)
	newest := receipted(t, worker)
	for _, one := range []string{entry, newest} {
		eventually(t, fmt.Sprintf("entry %s is witnessed", one), func() bool {
			return auditor(p, s, "receipt", one, "--witnessed").Run() == nil
		})
	}
}

// A monitor goes on over restarts of the server, and ends when the log isn't there any more.
func TestAMonitorOutlivesTheServer(t *testing.T) {
	data := t.TempDir()
	p, s := found(t, data)
	file := filepath.Join(t.TempDir(), "backup")
	backup(t, p, s, file)
	key := strings.TrimSpace(exits(t, p, s, 0, "audit", "checkpoint", "--key"))
	origin, _, _ := strings.Cut(key, "+")
	_, path, _ := strings.Cut(origin, "/")
	monitor := exec.Command(binary, "audit", "verify", "--key", key, "--log", p.url+"/"+path, "--state", filepath.Join(t.TempDir(), "seen"), "--every", "50ms")
	var heard, said lockedBuilder
	monitor.Stdout, monitor.Stderr = &heard, &said
	must(t, monitor.Start())
	defer func() { _ = monitor.Process.Kill() }()
	eventually(t, "the monitor sees the log", func() bool { return strings.Contains(heard.String(), "nothing new") })
	p.kill()
	eventually(t, "it says that nobody is there", func() bool { return strings.Contains(said.String(), "looking again in 50ms") })
	again := start(t, data, false, "--http", strings.TrimPrefix(p.url, "http://"))
	entry := receipted(t, s.as(again, "worker"))
	index, err := strconv.Atoi(entry)
	must(t, err)
	grown := fmt.Sprintf("the checkpoint of %d entries is signed, and the log begins with", index+1)
	eventually(t, "it sees what came after", func() bool { return strings.Contains(heard.String(), grown) })
	if strings.Contains(heard.String(), "good") {
		t.Error("entries that it hasn't read are good, says the monitor")
	}
	again.kill()
	if out, err := command(t, nil, "restore", file, "--data", data, "--yes"); err != nil {
		t.Fatal(err, out)
	}
	start(t, data, false, "--http", strings.TrimPrefix(p.url, "http://"))
	if err := monitor.Wait(); err == nil || !strings.Contains(said.String(), "has begun another log") {
		t.Errorf("the log is gone, and it ends with %v: %s", err, &said)
	}
}
