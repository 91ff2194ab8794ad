package process

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

// must fails the test for an error and for what isn't as it should be.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func active(t *testing.T, gate *client, text string) bool {
	t.Helper()
	in, err := gate.introspect(text)
	must(t, err)
	return in.Active
}

// backup makes a backup of a running server with the command.
func backup(t *testing.T, p *process, s staff, file string) {
	t.Helper()
	out, err := command(t, []string{"WHITTLE_URL=" + p.url, "WHITTLE_CLIENT_ID=ops", "WHITTLE_CLIENT_SECRET=" + s["ops"]}, "backup", file, "--note", "of the test")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, said := range []string{file, "SHA-256 ", "policy version 1", "key-encryption key, which is not in it"} {
		if !strings.Contains(out, said) {
			t.Errorf("backup doesn't say %q:\n%s", said, out)
		}
	}
}

func TestRestoreBeginsANewGeneration(t *testing.T) {
	data := t.TempDir()
	file := filepath.Join(t.TempDir(), "monday.whittle")
	p, s := found(t, data)
	worker := s.as(p, "worker")
	revoked, err := worker.grant(readToken)
	must(t, err)
	must(t, worker.revoke(revoked.Text))
	jwt, err := worker.grant(readToken)
	must(t, err)
	counted, err := worker.grant(runToken)
	must(t, err)
	backup(t, p, s, file)
	must(t, worker.revoke(jwt.Text)) // the backup doesn't know
	if _, err := apply(s.as(p, "ops"), withoutGuest(), 1); err != nil {
		t.Fatal(err)
	}

	flags := []string{"restore", file, "--data", data}
	if out, err := command(t, nil, append(flags, "--yes")...); err == nil || !strings.Contains(out, "open in another process") {
		t.Fatalf("under a running server: %v\n%s", err, out)
	}
	p.kill()
	before := readAll(t, data)
	if out, err := command(t, nil, flags...); err == nil || !strings.Contains(out, "--yes") || !strings.Contains(out, "revocations, blocks and disabled secrets from after it are undone") {
		t.Fatalf("without being asked: %v\n%s", err, out)
	}
	if after := readAll(t, data); after != before {
		t.Fatal("without being asked it changed something")
	}
	out, err := command(t, nil, append(flags, "--yes")...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	p = start(t, data, false)
	worker = s.as(p, "worker")
	gate := s.as(p, "gate")
	for what, text := range map[string]string{"revoked": revoked.Text, "JWT": jwt.Text, "counted": counted.Text} {
		if active(t, gate, text) {
			t.Errorf("the %s token of the earlier generation is active", what)
		}
		if _, err := worker.grant(childOf(text)); err == nil {
			t.Errorf("the %s token of the earlier generation can be traded", what)
		}
	}
	fresh, err := worker.grant(readToken) // its secret is what it was
	must(t, err)
	if !active(t, gate, fresh.Text) {
		t.Error("a new token is inactive")
	}
	if now, err := version(s.as(p, "ops")); err != nil || now != 1 {
		t.Errorf("policy version %d, %v", now, err)
	}
	p.kill()
	checkCitation(t, data, out)
}

// checkCitation holds the first entry of the new log against the archive of the old one.
func checkCitation(t *testing.T, data, out string) {
	t.Helper()
	place := placeOf(t, data)
	if _, findings, err := folder.Check(context.Background(), place); err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
	first := entryAt(t, place.Database(), 0)
	archived := strings.Fields(strings.Join(regexp.MustCompile(`(?m)^  \S+/archive/\S+\.db$`).FindAllString(out, -1), ""))
	if first.Kind != audit.KindRestore || first.Restored == nil || len(archived) != 2 {
		t.Fatalf("it begins with %+v, and %q are archived", first, archived)
	}
	from, known := first.Restored.From, first.Restored.Known
	old := metaOf(t, archived[0])
	if from.Size != old.Size || from.Rev != old.Rev || from.Generation != hex.EncodeToString(old.Generation[:]) || from.Root != hex.EncodeToString(old.Root[:]) {
		t.Errorf("it cites %+v of %+v", from, old)
	}
	replaced := metaOf(t, archived[1])
	if known == nil || known.Size != replaced.Size || known.Rev != replaced.Rev || known.Size <= from.Size || known.Rev <= from.Rev {
		t.Errorf("it knows of %+v, the replaced database of %+v", known, replaced)
	}
	if first.Change.ID == from.Generation || !strings.Contains(out, first.Change.ID) {
		t.Errorf("the new generation is %s", first.Change.ID)
	}
	for _, file := range archived {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o400 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
		if _, findings, err := folder.CheckBackup(context.Background(), place, file); err != nil || len(findings) > 0 {
			t.Errorf("%s can't be verified any more: %v %v", file, err, findings)
		}
	}
}

func entryAt(t *testing.T, path string, index uint64) (event audit.Event) {
	t.Helper()
	s, err := bolt.Open(bolt.Config{Path: path, ReadOnly: true})
	must(t, err)
	defer s.Close()
	must(t, s.View(context.Background(), func(r store.Reader) error {
		return r.Entries(index, func(_ uint64, text []byte) bool {
			event, err = audit.Decode(text)
			return false
		})
	}))
	must(t, err)
	return event
}

func metaOf(t *testing.T, path string) (m store.Meta) {
	t.Helper()
	s, err := bolt.Open(bolt.Config{Path: path, ReadOnly: true})
	must(t, err)
	defer s.Close()
	must(t, s.View(context.Background(), func(r store.Reader) (err error) { m, err = r.Meta(); return err }))
	return m
}

// readAll is everything in a folder.
func readAll(t *testing.T, folder string) string {
	t.Helper()
	var all bytes.Buffer
	must(t, filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.WriteString(path)
		all.Write(text)
		return err
	}))
	return all.String()
}

// An older database that is copied back without a restore is refused, and says what to do.
func TestAnOldCopyIsNotServed(t *testing.T) {
	data := t.TempDir()
	p, s := found(t, data)
	worker := s.as(p, "worker")
	read, err := worker.grant(readToken)
	must(t, err)
	p.kill()
	database := filepath.Join(data, "db", "whittle.db")
	old, err := os.ReadFile(database)
	must(t, err)
	p = start(t, data, false)
	worker = s.as(p, "worker")
	must(t, worker.revoke(read.Text))
	p.kill()
	newest, err := os.ReadFile(database)
	must(t, err)
	must(t, os.WriteFile(database, old, 0o600))
	p, lines := launch(t, data)
	late := time.AfterFunc(20*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	for range lines { // until it ends
	}
	if err := p.cmd.Wait(); err == nil || !strings.Contains(p.stderr.String(), "would bring revoked tokens back to life") {
		t.Fatalf("it serves an old copy: %v %s", err, &p.stderr)
	}
	if out, err := command(t, nil, "check", "--data", data); err == nil || !strings.Contains(out, "anchor: ") {
		t.Errorf("check says %v\n%s", err, out)
	}
	must(t, os.WriteFile(database, newest, 0o600))
	p = start(t, data, false)
	gate := s.as(p, "gate")
	if active(t, gate, read.Text) {
		t.Error("the revoked token is active")
	}
}

// A backup is refused that isn't whole, or whose key isn't this one.
func TestRestoreRefusesWhatItCantVouchFor(t *testing.T) {
	data := t.TempDir()
	file := filepath.Join(t.TempDir(), "backup")
	p, s := found(t, data)
	backup(t, p, s, file)
	if out, err := command(t, []string{"WHITTLE_URL=" + p.url, "WHITTLE_CLIENT_ID=ops", "WHITTLE_CLIENT_SECRET=" + s["ops"]}, "backup", file); err == nil || !strings.Contains(out, "is there already") {
		t.Errorf("it overwrites a backup: %v\n%s", err, out)
	}
	worker := s.as(p, "worker")
	if err := worker.rpc("BackupService/Backup", map[string]any{}, nil); err == nil {
		t.Error("a worker gets a backup")
	}
	p.kill()
	before := readAll(t, data)
	whole, err := os.ReadFile(file)
	must(t, err)
	damaged := bytes.ReplaceAll(whole, []byte(`"kind":"policy"`), []byte(`"kind":"polecy"`))
	elsewhere := t.TempDir()
	q, _ := found(t, elsewhere)
	q.kill()
	for what, c := range map[string]struct {
		backup []byte
		data   string
	}{
		"a damaged one": {damaged, data}, "a part of one": {whole[:len(whole)/2], data}, "one under another key": {whole, elsewhere},
	} {
		other := filepath.Join(t.TempDir(), "other")
		must(t, os.WriteFile(other, c.backup, 0o600))
		was := readAll(t, c.data)
		if out, err := command(t, nil, "restore", other, "--data", c.data, "--yes"); err == nil || !strings.Contains(out, "nothing was changed") {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
		if readAll(t, c.data) != was {
			t.Errorf("%s: it changed something", what)
		}
	}
	if readAll(t, data) != before {
		t.Error("it changed something")
	}
}

// placeOf is where serve keeps a state if nothing but the data folder is said.
func placeOf(t *testing.T, data string) folder.Place {
	t.Helper()
	place, err := server.Config{DataDir: data}.Place()
	if err != nil {
		t.Fatal(err)
	}
	return place
}
