package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/token"
)

func sample() Profile {
	return Profile{URL: "http://127.0.0.1:8080", Client: "ops", Secret: token.NewSecret("s3cret-text")}
}

func scratch(t *testing.T) Dir { return Dir(filepath.Join(t.TempDir(), "profiles")) }

func TestAProfileComesBackAsItWasSaved(t *testing.T) {
	d, p := scratch(t), sample()
	p.CAFile, p.Folder = "/etc/ca.pem", "/srv/whittle"
	if err := d.Save("default", p); err != nil {
		t.Fatal(err)
	}
	got, err := d.Load("default")
	if err != nil || got.Secret.Reveal() != "s3cret-text" {
		t.Fatal(err)
	}
	got.Secret, p.Secret = token.Secret{}, token.Secret{}
	if got != p {
		t.Errorf("%+v, want %+v", got, p)
	}
	if names, err := d.List(); err != nil || !slices.Equal(names, []string{"default"}) {
		t.Errorf("%q, %v", names, err)
	}
	if err := errors.Join(d.Remove("default"), d.Remove("default")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the second removal: %v", err)
	}
}

func TestASecretDoesNotPrint(t *testing.T) {
	p := sample()
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(form, p) + fmt.Sprintf(form, Target{Secret: p.Secret}); strings.Contains(text, "s3cret") {
			t.Errorf("%s: %s", form, text)
		}
	}
	d := scratch(t)
	os.Mkdir(string(d), 0o700)
	for _, broken := range []string{"secret: [s3cret-text", "plaintext: s3cret-text", "s3cret-text: x"} {
		os.WriteFile(d.Path("x"), []byte("url: http://localhost\n"+broken+"\n"), 0o600)
		if _, err := d.Load("x"); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("a broken profile: %v", err)
		}
	}
}

func TestOnlyItsOwnerReadsIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing on Windows")
	}
	d := scratch(t)
	if err := d.Save("default", sample()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{string(d): 0o700, d.Path("default"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	os.Chmod(d.Path("default"), 0o640)
	if _, err := d.Load("default"); err == nil || !strings.Contains(err.Error(), "chmod go-rwx") {
		t.Errorf("a profile that the group can read: %v", err)
	}
	os.Chmod(string(d), 0o755)
	if err := d.Save("other", sample()); err == nil {
		t.Error("saved in a folder that others can look into")
	}
}

func TestSaveReplacesOnlyItsOwn(t *testing.T) {
	d, mine := scratch(t), sample()
	mine.Folder = "/srv/mine"
	theirs, byHand := mine, mine
	theirs.Folder, byHand.Folder = "/srv/theirs", ""
	for _, c := range []struct {
		first, second Profile
		replaced      bool
	}{{mine, mine, true}, {theirs, mine, false}, {byHand, mine, false}, {byHand, byHand, false}} {
		d.Remove("p")
		if err := d.Save("p", c.first); err != nil {
			t.Fatal(err)
		}
		c.second.URL = "http://127.0.0.1:9999"
		err := d.Save("p", c.second)
		if _, exists := errors.AsType[*ExistsError](err); exists == c.replaced {
			t.Errorf("of %q over one of %q: %v", c.second.Folder, c.first.Folder, err)
		}
		if got, _ := d.Load("p"); (got.URL == c.second.URL) != c.replaced {
			t.Errorf("of %q over one of %q: then %s", c.second.Folder, c.first.Folder, got.URL)
		}
	}
}

func TestWhatIsNoProfileIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Profile){
		"no URL":               func(p *Profile) { p.URL = "" },
		"another scheme":       func(p *Profile) { p.URL = "ftp://example.com" },
		"a password in it":     func(p *Profile) { p.URL = "https://a:b@example.com" },
		"plaintext to another": func(p *Profile) { p.URL = "http://example.com" },
		"looks like loopback":  func(p *Profile) { p.URL = "http://127.0.0.1.example.com" },
		"loopback, wrapped":    func(p *Profile) { p.URL = "http://[::ffff:127.0.0.1]" },
		"a client alone":       func(p *Profile) { p.Secret = token.Secret{} },
		"a secret alone":       func(p *Profile) { p.Client = "" },
		"two secrets":          func(p *Profile) { p.SecretFile = "/x" },
		"a relative file":      func(p *Profile) { p.CAFile = "ca.pem" },
	} {
		d, p := scratch(t), sample()
		change(&p)
		if err := d.Save("default", p); err == nil {
			t.Errorf("%s: saved", name)
		}
	}
	for _, name := range []string{"", "../x", "a/b", ".hidden", "A", strings.Repeat("a", 65)} {
		if err := scratch(t).Save(name, sample()); err == nil {
			t.Errorf("saved as %q", name)
		}
	}
}
