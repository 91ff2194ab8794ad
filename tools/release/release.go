package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// platforms are those that each version is published for.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

// papers go into each archive beside the command, if they are there; of a folder all that is below it.
var papers = []string{"README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "NOTICE", "examples/policy.yaml", "deploy"}

// release is one version that is being made.
type release struct {
	version, commit string
	time            time.Time // the commit's; every file in an archive has it
	dist            string
}

// begin checks that this may become the version, and clears the folder that it goes into.
func begin(ctx context.Context, version, dist string) (*release, error) {
	if !semver.IsValid(version) || semver.Canonical(version) != version {
		return nil, fmt.Errorf("%q: write a version as v1.2.3 or v1.2.3-rc.1", version)
	}
	if changed, err := output(ctx, "git", "status", "--porcelain"); err != nil || changed != "" {
		return nil, errors.Join(err, fmt.Errorf("a release is made of a commit; not committed: %s", changed))
	}
	changelog, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return nil, err
	}
	if semver.Prerelease(version) == "" && !hasSection(string(changelog), version) {
		return nil, fmt.Errorf("CHANGELOG.md has no section %q", "## "+strings.TrimPrefix(version, "v"))
	}
	r := &release{version: version, dist: dist}
	if r.commit, err = output(ctx, "git", "rev-parse", "HEAD"); err != nil {
		return nil, err
	}
	if r.time, err = commitTime(ctx); err != nil {
		return nil, err
	}
	if err := compatible(ctx); err != nil {
		return nil, err
	}
	return r, empty(dist)
}

// empty makes the folder, and takes away what an earlier run left there.
func empty(dist string) error {
	old, err := filepath.Glob(filepath.Join(dist, "whittle_*"))
	problems := []error{err, os.MkdirAll(dist, 0o755)}
	for _, name := range old {
		problems = append(problems, os.Remove(name))
	}
	return errors.Join(problems...)
}

// hasSection says whether the changelog tells of the version.
func hasSection(changelog, version string) bool {
	return slices.ContainsFunc(strings.Split(changelog, "\n"), func(line string) bool {
		heading, _, _ := strings.Cut(line, " - ") // the date
		return heading == "## "+strings.TrimPrefix(version, "v")
	})
}

func commitTime(ctx context.Context) (time.Time, error) {
	text, err := output(ctx, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0).UTC(), err
}

// compatible holds the contract to the newest version before this commit: what was published is relied on.
func compatible(ctx context.Context) error {
	tag, err := output(ctx, "git", "describe", "--tags", "--abbrev=0", "HEAD^")
	if err != nil {
		return nil //nolint:nilerr // there is no version yet to be compatible with
	}
	_, err = output(ctx, "tools/proto", "breaking", tag)
	return err
}

// make builds for one platform and packs what was built.
func (r *release) make(ctx context.Context, platform string) error {
	goos, arch, found := strings.Cut(platform, "/")
	if !found {
		return errors.New("write it as GOOS/GOARCH")
	}
	scratch, err := os.MkdirTemp("", "whittle-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	name := "whittle"
	if goos == "windows" {
		name += ".exe"
	}
	command := filepath.Join(scratch, name)
	if err := r.build(ctx, goos, arch, command); err != nil {
		return err
	}
	stem := filepath.Join(r.dist, strings.Join([]string{"whittle", strings.TrimPrefix(r.version, "v"), goos, arch}, "_"))
	if err := r.list(ctx, command, stem+".cdx.json"); err != nil {
		return err
	}
	files, err := r.contents(ctx, command, name)
	if err != nil {
		return err
	}
	pack, suffix := packTar, ".tar.gz"
	if goos == "windows" {
		pack, suffix = packZip, ".zip"
	}
	return write(stem+suffix, pack, filepath.Base(stem), files, r.time)
}

// build makes a static command that knows nothing of where and when it was built. The Go tool's own stamp
// stays out, since it changes when the commit is tagged.
func (r *release) build(ctx context.Context, goos, arch, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version="+r.version+" -X main.commit="+r.commit, "-o", to, "./cmd/whittle")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+goos, "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// list writes the bill of materials: the modules that are in the command, read from the command. It names its
// own tool by a hash, so that is built without paths as well.
func (r *release) list(ctx context.Context, command, to string) error {
	cmd := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/sbom/go.mod", "cyclonedx-gomod", "bin", "-json", "-std",
		"-noserial", "-notimestamp", "-version", r.version, "-output", to, command)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// contents lists what an archive holds, the command first.
func (r *release) contents(ctx context.Context, command, name string) ([]file, error) {
	binary, err := os.ReadFile(command)
	if err != nil {
		return nil, err
	}
	files := []file{{name, 0o755, binary}}
	for _, paper := range papers {
		found, err := read(paper)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	notices, err := licences(ctx, command)
	return append(files, file{"THIRD-PARTY-LICENSES", 0o644, notices}), err
}

// read is a file, or all of a folder in the order of the names; none if there is nothing of that name.
func read(root string) (files []file, err error) {
	here := os.DirFS(".")
	if _, err := fs.Stat(here, root); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	err = fs.WalkDir(here, root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(here, path)
		files = append(files, file{path, 0o644, text})
		return err
	})
	return files, err
}

// output runs a command and answers what it prints, or says what went wrong.
func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		err = fmt.Errorf("%s: %w\n%s%s", name, err, out, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}
