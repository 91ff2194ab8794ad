package starter

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/profile"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/server"
)

func options(t *testing.T, issuer string) Options {
	t.Helper()
	scratch := t.TempDir()
	return Options{
		Dir: filepath.Join(scratch, "whittle"), GRPC: "127.0.0.1:19090", HTTP: "127.0.0.1:18080", Admin: "127.0.0.1:19091",
		Issuer: issuer, Profiles: profile.Dir(filepath.Join(scratch, "profiles")), Profile: profile.Default,
	}
}

const devURL = "http://127.0.0.1:19400"

func TestAFolderIsMadeOnceAndForItsOwner(t *testing.T) {
	for _, issuer := range []string{"", devURL} {
		o := options(t, issuer)
		made, err := Make(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		modes := map[string]os.FileMode{
			"whittle.yaml": 0o644, "policy.yaml": 0o644, "state": 0o700, "state/db": 0o700, "keys": 0o700, "keys/kek": 0o600,
		}
		if issuer != "" {
			modes["dev"], modes["dev/issuer.json"] = 0o700, 0o600
		}
		for name, want := range modes {
			info, err := os.Stat(filepath.Join(o.Dir, name))
			if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
			}
		}
		p, err := o.Profiles.Load("default")
		if err != nil || p.URL != "http://127.0.0.1:18080" || p.Client != "bootstrap" || p.Secret.Reveal() != made.Bootstrap.Reveal() {
			t.Errorf("%+v, %v", p, err)
		}
		if _, err := Make(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--new-bootstrap") {
			t.Errorf("made again: %v", err)
		}
		if again, err := o.Profiles.Load("default"); err != nil || again.Secret.Reveal() != p.Secret.Reveal() {
			t.Errorf("the profile was replaced: %v", err)
		}
	}
}

func TestThePoliciesToStartFromCompile(t *testing.T) {
	for _, issuer := range []string{"", devURL} {
		text, err := options(t, issuer).fill(policyFile)
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.Compile([]byte(text), policyFile, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Administrators(); !slices.Equal(got, []string{"ops"}) {
			t.Errorf("administrators are %v", got)
		}
	}
}

func TestAnInterruptedRunIsExplained(t *testing.T) {
	for _, left := range []string{"policy.yaml", "state/db", "keys/kek", "dev/issuer.json"} {
		o := options(t, "")
		part := filepath.Join(o.Dir, left)
		os.MkdirAll(filepath.Dir(part), 0o700)
		os.WriteFile(part, []byte("mine"), 0o600)
		_, err := Make(t.Context(), o)
		top, _, _ := strings.Cut(left, "/")
		if err == nil || !strings.Contains(err.Error(), "rm -r "+filepath.Join(o.Dir, top)+", and init again") {
			t.Errorf("%s: %v", left, err)
		}
		if text, err := os.ReadFile(part); err != nil || string(text) != "mine" {
			t.Errorf("%s was touched: %q, %v", left, text, err)
		}
	}
}

// A clone of Whittle is called like the folder that anybody would name, and what is in a clone gets published.
func TestAFolderOfSomethingElseIsLeftAlone(t *testing.T) {
	o := options(t, devURL)
	if err := os.MkdirAll(filepath.Join(o.Dir, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(t.Context(), o); err == nil || !strings.Contains(err.Error(), "isn't empty: it has .git.") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) != 1 {
		t.Errorf("something was made: %v, %v", left, err)
	}
	o = options(t, devURL)
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.Dir, nextFile), nil, 0o600); err != nil { // of a run that was killed over it
		t.Fatal(err)
	}
	if _, err := Make(t.Context(), o); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestAFileIsNoFolder(t *testing.T) {
	o := options(t, "")
	if err := os.WriteFile(o.Dir, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is no folder") {
		t.Errorf("%v", err)
	}
}

func TestARunThatFailsLeavesNothing(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		change func(*Options)
	}{
		"interrupted":                {ended, func(*Options) {}},
		"plaintext for all":          {t.Context(), func(o *Options) { o.HTTP = "0.0.0.0:80" }},
		"an issuer beyond this host": {t.Context(), func(o *Options) { o.Issuer = "http://192.0.2.1:9400" }},
		"no profile's name":          {t.Context(), func(o *Options) { o.Profile = "../x" }},
	} {
		o := options(t, devURL)
		c.change(&o)
		if _, err := Make(c.ctx, o); err == nil {
			t.Errorf("%s: made", name)
		}
		if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the folder is left", name)
		}
	}
}

func TestAnothersProfileIsLeftAlone(t *testing.T) {
	for _, taken := range []string{"default", "agent", "gateway"} {
		o := options(t, devURL)
		if err := o.Profiles.Save(taken, profile.Profile{URL: "https://sts.example.com"}); err != nil {
			t.Fatal(err)
		}
		if _, err := Make(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--profile") {
			t.Errorf("%s: %v", taken, err)
		}
		if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was made", taken)
		}
		o.Profile = "mine"
		if _, err := Make(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		names, err := o.Profiles.List()
		if want := []string{taken, "mine-agent", "mine-gateway", "mine"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("profiles are %v, want %v", names, want)
		}
	}
}

// The first start loads the policy as it was edited after init, unless init needed it for secrets.
func TestThePolicyWaitsForItsEditor(t *testing.T) {
	for issuer, want := range map[string]string{"": "policy loaded", devURL: "whittle policy apply"} {
		o := options(t, issuer)
		made, err := Make(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		file, log := filepath.Join(o.Dir, policyFile), new(strings.Builder)
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, append(text, "# edited\n"...), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := server.New(t.Context(), server.Config{
			DataDir: filepath.Join(o.Dir, "state"), KEK: filepath.Join(o.Dir, "keys", "kek"), PolicyFile: file,
			GRPCAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if !strings.Contains(log.String(), want) {
			t.Errorf("it doesn't say %q:\n%s", want, log)
		}
		var told strings.Builder
		if err := made.Tell(&told); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(told.String(), made.Bootstrap.Reveal()) || strings.Contains(told.String(), "DEVELOPMENT") != (issuer != "") {
			t.Errorf("with issuer %q it tells:\n%s", issuer, told.String())
		}
	}
}

func TestPathsAreQuotedForTheShell(t *testing.T) {
	for path, want := range map[string]string{
		"/srv/whittle": "/srv/whittle", "/srv/my whittle": "'/srv/my whittle'", "/srv/it's": `'/srv/it'\''s'`, "/a;b": "'/a;b'", "/a$(b)": "'/a$(b)'",
	} {
		if got := quoted(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
