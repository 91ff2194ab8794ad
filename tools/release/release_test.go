package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	noon  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	files = []file{{"whittle", 0o755, []byte("binary")}, {"examples/policy.yaml", 0o644, []byte("format: 1\n")}}
)

func TestAVersionIsWrittenInFull(t *testing.T) {
	for _, version := range []string{"", "1.2.3", "v1", "v1.2", "v1.2.3+build", "v01.2.3", "latest", "v1.2.3 "} {
		if _, err := begin(t.Context(), version, t.TempDir()); err == nil || !strings.Contains(err.Error(), "write a version as") {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestTheChangelogTellsOfTheVersion(t *testing.T) {
	changelog := "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-11-23\n\n- one\n\n## 1.2.2\n"
	for version, want := range map[string]bool{"v1.2.3": true, "v1.2.2": true, "v1.2": false, "v1.2.4": false, "v11.2.3": false} {
		if got := hasSection(changelog, version); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}

// What is packed twice, at whatever time and with whatever clock zone, is the same bytes.
func TestArchivesAreTheSameEachTime(t *testing.T) {
	for name, pack := range map[string]packer{"tar": packTar, "zip": packZip} {
		var first, second bytes.Buffer
		err := errors.Join(pack(&first, "whittle_1.2.3", files, noon), pack(&second, "whittle_1.2.3", files, noon.In(time.FixedZone("there", 3600))))
		if err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATarHoldsTheFilesAndNobodysName(t *testing.T) {
	var packed bytes.Buffer
	if err := packTar(&packed, "whittle_1.2.3", files, noon); err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(&packed)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(unzipped)
	for _, want := range files {
		h, err := archive.Next()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil || !bytes.Equal(data, want.data) || h.Name != "whittle_1.2.3/"+want.name || h.FileInfo().Mode() != want.mode ||
			h.Uid != 0 || h.Gid != 0 || h.Uname+h.Gname != "" || !h.ModTime.Equal(noon) {
			t.Errorf("%v: %+v holds %q", err, h, data)
		}
	}
	if _, err := archive.Next(); err != io.EOF {
		t.Errorf("more than the files: %v", err)
	}
}

func TestAZipHoldsTheFiles(t *testing.T) {
	var packed bytes.Buffer
	if err := packZip(&packed, "whittle_1.2.3", files, noon); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil || len(archive.File) != len(files) {
		t.Fatal(err)
	}
	for i, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(data, files[i].data) || f.Name != "whittle_1.2.3/"+files[i].name || f.Mode() != files[i].mode || !f.Modified.Equal(noon) {
			t.Errorf("%v: %+v holds %q", err, f.FileHeader, data)
		}
	}
}

func TestAFolderGoesInWithAllBelowIt(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"deploy/unit", "deploy/rules/alerts", "README.md"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for root, want := range map[string]string{"README.md": "README.md ", "deploy": "deploy/rules/alerts deploy/unit ", "LICENSE": ""} {
		var got strings.Builder
		found, err := read(root)
		for _, f := range found {
			if string(f.data) != f.name {
				t.Errorf("%s holds %q", f.name, f.data)
			}
			got.WriteString(f.name + " ")
		}
		if err != nil || got.String() != want {
			t.Errorf("%s: %q, %v", root, got.String(), err)
		}
	}
}

func TestSumsAreOfTheRelease(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"whittle_b.tar.gz": "", "whittle_a.zip": "abc", "other": "not of the release"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := sum(dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  whittle_a.zip\n" +
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  whittle_b.tar.gz\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// A module that nobody has put under a licence must not go out unnoticed.
func TestCodeWithoutALicenceIsAnError(t *testing.T) {
	dir, all := t.TempDir(), new(bytes.Buffer)
	if err := quote(all, "example.com/none v1.0.0", dir); err == nil {
		t.Error("no error")
	}
	for name, text := range map[string]string{"LICENSE.txt": "do as you like\n", "NOTICE": "by me\n", "README": "no\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := quote(all, "example.com/one v1.0.0", dir)
	const want = "==== example.com/one v1.0.0: LICENSE.txt\n\ndo as you like\n\n==== example.com/one v1.0.0: NOTICE\n\nby me\n\n"
	if err != nil || all.String() != want {
		t.Errorf("%v\n%s", err, all)
	}
}
