package process

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// small is a file system of 48 MiB with nothing on it.
func small(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=48m"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI tries a full disk as root:", err)
		}
		t.Skip("a disk that is really full was NOT tried, only a played one (package server): ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	return folder
}

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

// said is what a path of the admin listener answers.
func said(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	must(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, string(text)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("it never came to this: %s", what)
}

// On a disk without one free byte revoking goes on from the reserve, nothing is issued, and all recovers by
// itself when there is room.
func TestOnAFullDiskOnlyRevokingGoesOn(t *testing.T) {
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
	ready := func() bool { status, _ := said(t, p.admin+"/readyz"); return status == http.StatusOK }
	eventually(t, "ready", ready)

	stuffed := filepath.Join(disk, "stuffed")
	fillUp(t, stuffed)
	eventually(t, "not ready", func() bool { return !ready() })
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
	if ready() {
		t.Error("ready on a full disk")
	}

	must(t, os.Remove(stuffed))
	eventually(t, "ready again", ready)
	if _, err := worker.grant(readToken); err != nil {
		t.Error(err)
	}
	if !active(t, gate, counted.Text) {
		t.Error("the counted token can't be used")
	}
	fillUp(t, stuffed) // the reserve is there again
	eventually(t, "not ready", func() bool { return !ready() })
	if err := worker.revoke(counted.Text); err != nil {
		t.Error(err)
	}
	p.kill()
	if out, err := command(t, nil, "check", "--data", data); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
