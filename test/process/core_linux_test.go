package process

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
)

var coreLimit = regexp.MustCompile(`(?m)^Max core file size +(\S+) +(\S+)`)

// A core dump has all keys in it, so a server leaves none, unless it was told to.
func TestACrashLeavesNoCoreDump(t *testing.T) {
	var before syscall.Rlimit // which the server inherits: where nobody may raise it, the limit shows nothing
	must(t, syscall.Getrlimit(syscall.RLIMIT_CORE, &before))
	must(t, syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: before.Max, Max: before.Max}))
	defer syscall.Setrlimit(syscall.RLIMIT_CORE, &before)
	p := start(t, t.TempDir(), true)
	proc := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid))
	limits, err := os.ReadFile(filepath.Join(proc, "limits"))
	must(t, err)
	if found := coreLimit.FindSubmatch(limits); found == nil || string(found[1]) != "0" || string(found[2]) != "0" {
		t.Errorf("the limits are\n%s", limits)
	}
	// Whose process isn't dumpable belongs to root in /proc, also where the limit doesn't count (core(5)).
	for _, file := range []string{"mem", "environ"} {
		info, err := os.Stat(filepath.Join(proc, file))
		must(t, err)
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 {
			t.Errorf("%s belongs to user %d", file, owner)
		}
	}
	// It still sees what it measures of itself.
	res, err := http.Get(p.admin + "/metrics")
	must(t, err)
	defer res.Body.Close()
	metrics, err := io.ReadAll(res.Body)
	must(t, err)
	for _, name := range []string{"process_open_fds", "process_resident_memory_bytes"} {
		if !bytes.Contains(metrics, []byte("\n"+name+" ")) {
			t.Errorf("no %s", name)
		}
	}
	p.kill()

	allowed := start(t, t.TempDir(), true, "--core-dumps")
	limits, err = os.ReadFile(filepath.Join("/proc", strconv.Itoa(allowed.cmd.Process.Pid), "limits"))
	must(t, err)
	own, err := os.ReadFile("/proc/self/limits")
	must(t, err)
	if a, b := coreLimit.Find(limits), coreLimit.Find(own); !bytes.Equal(a, b) {
		t.Errorf("told to leave them, its limit is %q, and ours %q", a, b)
	}
}
