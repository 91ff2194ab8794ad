package profile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/whittle-sts/whittle/internal/document"
	"github.com/whittle-sts/whittle/internal/durable"
	"github.com/whittle-sts/whittle/internal/private"
)

// Default is the name of the profile that is used when none is named.
const Default = "default"

const (
	suffix   = ".yaml"
	maxBytes = 64 << 10
)

// grammar is what a profile's name may be: it is a file's name too.
var grammar = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Dir is the folder that the profiles are in; empty: there is none, and so no profiles.
type Dir string

// Open finds the folder: `profiles` in WHITTLE_CONFIG_DIR or, without that, in the user's own folder for
// settings. It need not be there yet.
func Open() (Dir, error) {
	if set := os.Getenv("WHITTLE_CONFIG_DIR"); set != "" {
		return Dir(filepath.Join(set, "profiles")), nil
	}
	base, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no folder for profiles: %w; set WHITTLE_CONFIG_DIR", err)
	}
	return Dir(filepath.Join(base, "whittle", "profiles")), nil
}

// Path is the file of a profile.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name+suffix) }

// Load reads a profile. One that isn't there is an fs.ErrNotExist; one that others could read is refused.
func (d Dir) Load(name string) (Profile, error) {
	if err := checkName(name); err != nil {
		return Profile{}, err
	}
	if d == "" {
		return Profile{}, fmt.Errorf("there is no profile %q, nor a folder for profiles (set WHITTLE_CONFIG_DIR): %w", name, fs.ErrNotExist)
	}
	text, err := private.Read(d.Path(name), maxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return Profile{}, d.missing(name)
	} else if err != nil {
		return Profile{}, err
	}
	p, err := decode(text)
	if err != nil {
		return Profile{}, fmt.Errorf("%s: %w", d.Path(name), err)
	}
	return p, nil
}

// ExistsError says that a name is taken by a profile that isn't the caller's to replace.
type ExistsError struct{ Name, Path string }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("there is a profile %q already, in %s: take another name, or remove it (whittle profile remove %s)", e.Name, e.Path, e.Name)
}

// Save writes a profile under a name that is free, or taken by the profile of the same state folder.
// Any other that has the name stays, and the error is an ExistsError.
func (d Dir) Save(name string, p Profile) error {
	if err := checkName(name); err != nil {
		return err
	}
	text, err := p.encode()
	if err != nil {
		return err
	}
	switch old, err := d.Load(name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil || p.Folder == "" || old.Folder != p.Folder:
		return &ExistsError{name, d.Path(name)}
	}
	return d.write(name, text)
}

// write puts the file in place as a whole, so that a reader never meets half of it.
func (d Dir) write(name string, text []byte) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	info, err := os.Stat(string(d))
	if err != nil {
		return err
	}
	if err := private.Check(string(d), info); err != nil {
		return err
	}
	return durable.Replace(d.Path(name), text)
}

// List is the names of all profiles, in order. No folder is no profiles.
func (d Dir) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && grammar.MatchString(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Remove deletes a profile. The secret stays good at the server.
func (d Dir) Remove(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := os.Remove(d.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return d.missing(name)
	}
	return err
}

// missingError is an fs.ErrNotExist in words about profiles.
type missingError struct{ text string }

func (e *missingError) Error() string        { return e.text }
func (e *missingError) Is(target error) bool { return target == fs.ErrNotExist }

// missing says that there is no such profile, and which may be meant.
func (d Dir) missing(name string) error {
	names, _ := d.List() // what can't be listed suggests nothing
	return &missingError{fmt.Sprintf("there is no profile %q%s", name, cmp.Or(document.Instead(name, names), "; whittle profile list shows those there are"))}
}

func checkName(name string) error {
	if !grammar.MatchString(name) {
		return fmt.Errorf("%q can't name a profile: use a-z, 0-9, dot, dash and underscore, 64 at most, a letter or digit first", name)
	}
	return nil
}
