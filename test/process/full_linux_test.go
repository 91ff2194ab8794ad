package process

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// small is a file system of 48 MiB with nothing on it.
func small(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	must(t, syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=48m"))
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	return folder
}

// mounting runs a test that mounts. Whoever isn't root may do so in namespaces of their own, where the test is run
// once more; where the system forbids those too, it can't be tried.
func mounting(t *testing.T, test func(*testing.T)) {
	t.Helper()
	folder := t.TempDir()
	if syscall.Mount("tmpfs", folder, "tmpfs", 0, "") == nil {
		must(t, syscall.Unmount(folder, syscall.MNT_DETACH))
		test(t)
		return
	}
	inside := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	inside.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	inside.Env = append(os.Environ(), insideNamespace+"=yes")
	out, err := inside.CombinedOutput()
	switch {
	case err == nil:
		t.Logf("in namespaces of its own:\n%s", out)
	case errors.As(err, new(*exec.ExitError)) && os.Getenv(insideNamespace) == "":
		t.Fatalf("in namespaces of its own:\n%s", out)
	case os.Getenv("CI") != "":
		t.Fatal("CI tries a full disk, for which it has to be allowed to mount one:", err)
	default:
		t.Skip("a disk that is really full was NOT tried, only a played one (package server): this system lets nobody but root mount one: ", err)
	}
}

// insideNamespace is set where a test was run once more, so that it isn't a third time.
const insideNamespace = "WHITTLE_TEST_NAMESPACE"

// fillUp takes what is left of a disk.
func fillUp(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	must(t, err)
	defer f.Close()
	for _, piece := range []int{1 << 20, 4 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, piece))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// On a disk without one free byte revoking goes on from the reserve, nothing is issued, and all recovers by
// itself when there is room.
func TestOnAFullDiskOnlyRevokingGoesOn(t *testing.T) { mounting(t, onAFullDisk) }

func onAFullDisk(t *testing.T) {
	disk := small(t)
	data := filepath.Join(disk, "state")
	args := []string{"--disk-floor", "4MiB"}
	p, s := found(t, data, args...)
	worker, gate := s.as(p, "worker"), s.as(p, "gate")
	var held []token
	for range 200 {
		read, err := worker.grant(readToken)
		must(t, err)
		held = append(held, read)
	}
	counted, err := worker.grant(runToken)
	must(t, err)
	issues := func() bool {
		status, text := said(t, p.admin+"/readyz")
		if status != http.StatusOK {
			t.Errorf("who is asked for revocations isn't ready: %d %s", status, text)
		}
		return text == "ok\n"
	}
	eventually(t, "ready", issues)

	stuffed := filepath.Join(disk, "stuffed")
	fillUp(t, stuffed)
	eventually(t, "short of space", func() bool { return !issues() })
	if _, err := os.Create(filepath.Join(disk, "one more")); err == nil {
		if err := os.WriteFile(filepath.Join(disk, "one more"), []byte{1}, 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal("the disk isn't full:", err)
		}
	}
	if _, err := worker.grant(readToken); err == nil || !strings.Contains(err.Error(), "temporarily_unavailable") || !strings.Contains(err.Error(), "disk space") {
		t.Errorf("a token: %v", err)
	}
	if in, err := gate.introspect(counted.Text); err == nil {
		t.Errorf("a use that can't be counted: %+v", in)
	}
	for i, one := range held {
		if err := worker.revoke(one.Text); err != nil {
			t.Fatalf("revocation %d: %v", i, err)
		}
	}
	if active(t, gate, held[199].Text) {
		t.Error("active after its revocation")
	}
	p.kill()
	p = start(t, data, false, args...) // on the disk that is still full
	worker, gate = s.as(p, "worker"), s.as(p, "gate")
	for _, one := range held {
		if active(t, gate, one.Text) {
			t.Fatal("active after a restart")
		}
	}
	if issues() {
		t.Error("enough space on a full disk")
	}

	must(t, os.Remove(stuffed))
	eventually(t, "space again", issues)
	if _, err := worker.grant(readToken); err != nil {
		t.Error(err)
	}
	if !active(t, gate, counted.Text) {
		t.Error("the counted token can't be used")
	}
	fillUp(t, stuffed) // the reserve is there again
	eventually(t, "short of space", func() bool { return !issues() })
	if err := worker.revoke(counted.Text); err != nil {
		t.Error(err)
	}
	p.kill()
	if out, err := command(t, nil, "check", "--data", data); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
