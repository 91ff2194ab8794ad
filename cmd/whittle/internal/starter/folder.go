package starter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// What is in a folder. The settings are written last: where they are, everything is.
const (
	settingsFile = "whittle.yaml"
	policyFile   = "policy.yaml"
	stateFolder  = "state"
	keysFolder   = "keys"
	devFolder    = "dev"
	nextFile     = ".whittle.yaml.new" // the settings until they are whole
)

func parts() []string { return []string{policyFile, stateFolder, keysFolder, devFolder} }

// check says why a folder can't be begun in: nothing that is there is ever replaced.
func check(dir string) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is no folder: name one that isn't there yet, or is empty", dir)
	}
	there := func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, name))
		return !errors.Is(err, fs.ErrNotExist)
	}
	if there(settingsFile) {
		return fmt.Errorf(`%s has a %s already, and stays as it is.
To serve it: whittle serve --config %s
If the bootstrap credential is lost: the same with --new-bootstrap`, dir, settingsFile, quoted(filepath.Join(dir, settingsFile)))
	}
	var found []string
	for _, name := range parts() {
		if there(name) {
			found = append(found, filepath.Join(dir, name))
		}
	}
	if found == nil {
		return checkEmpty(dir)
	}
	return fmt.Errorf(`already there: %s; but there is no %s, which is written last, so an earlier init may have been interrupted. Nothing was changed.
If no server has used this: rm -r %s, and init again
If one has: put its %s back`, strings.Join(found, ", "), settingsFile, quoted(found...), settingsFile)
}

// checkEmpty refuses a folder of something else, such as a clone: the keys would be published with it.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if e.Name() != nextFile {
			return fmt.Errorf("%s isn't empty: it has %s. Keys don't belong among other things; name a folder that isn't there yet, or is empty",
				dir, e.Name())
		}
	}
	return nil
}

// write makes a new file with the text, durably.
func write(path, text string, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// finish writes the settings in one step, so that an interruption leaves all of them or none.
func finish(dir, text string) error {
	next := filepath.Join(dir, nextFile)
	_ = os.Remove(next) // of an earlier run that was interrupted here
	if err := write(next, text, 0o644); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(dir, settingsFile))
}

// undo removes what a failed run made. None of it was there before.
func undo(dir string, made bool) error {
	var problems []error
	for _, name := range parts() {
		problems = append(problems, os.RemoveAll(filepath.Join(dir, name)))
	}
	if made {
		problems = append(problems, os.Remove(dir))
	}
	return errors.Join(problems...)
}
