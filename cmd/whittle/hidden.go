package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/internal/token"
)

// hidden is where a command takes a secret or a token from: a file, a variable of the environment or
// standard input. There is no flag that holds one, since arguments can be seen by others.
type hidden struct {
	what      string // in words
	file, env string
}

// flags adds the two flags that name another place than standard input.
func (h *hidden) flags(cmd *cobra.Command, prefix string) {
	cmd.Flags().StringVar(&h.file, prefix+"-file", "", "the file that holds the "+h.what+"; - is standard input")
	cmd.Flags().StringVar(&h.env, prefix+"-env", "", "the name of the environment variable that holds the "+h.what)
	cmd.MarkFlagsMutuallyExclusive(prefix+"-file", prefix+"-env")
}

// given is whether a flag names a place.
func (h *hidden) given() bool { return h.file != "" || h.env != "" }

// maxHidden is what the server takes of a token, whatever comes of it.
const maxHidden = 1 << 20

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// read reads it, without the white space around it.
func (h *hidden) read(cmd *cobra.Command) (token.Secret, error) {
	text, err := h.text(cmd)
	if text = strings.TrimSpace(text); err == nil && text == "" {
		err = fmt.Errorf("there is no %s in %s: pipe it in, or name a file or variable that holds it (see --help)", h.what, h.place())
	}
	if err == nil && len(text) > maxHidden {
		err = fmt.Errorf("the %s is longer than %d bytes", h.what, maxHidden)
	}
	return token.NewSecret(text), exit.With(exit.Usage, err)
}

// place is where read looks, in words.
func (h *hidden) place() string {
	switch {
	case h.env != "":
		return "the environment variable " + h.env
	case h.file != "" && h.file != "-":
		return h.file
	default:
		return "standard input"
	}
}

func (h *hidden) text(cmd *cobra.Command) (string, error) {
	switch {
	case h.env != "":
		if !variable.MatchString(h.env) { // it may be the token itself: don't show it
			return "", fmt.Errorf("name the environment variable that holds the %s, not the %s itself: arguments can be seen by others", h.what, h.what)
		}
		return os.Getenv(h.env), nil
	case h.file != "" && h.file != "-":
		f, err := os.Open(h.file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return limited(f)
	}
	if in, ok := cmd.InOrStdin().(*os.File); ok && h.file == "" && interactive(in) {
		return "", errors.New("no " + h.what + " on standard input: pipe it in, or name a file or variable (see --help)")
	}
	return limited(cmd.InOrStdin())
}

func limited(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxHidden+2))
	return string(text), err
}

// interactive is whether somebody types there, where a secret would show.
func interactive(f *os.File) bool {
	info, err := f.Stat()
	nothing, _ := os.Stat(os.DevNull) // a device too, at which nobody sits
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && !os.SameFile(info, nothing)
}

// unused is an error if there is a file of that name already, so that nothing is made which can't be kept.
func unused(file string) error {
	if file == "" {
		return nil
	}
	if _, err := os.Lstat(file); err == nil {
		return exit.With(exit.Usage, fmt.Errorf("%s is there already, and is not overwritten", file))
	}
	folder := filepath.Dir(file)
	if at, err := os.Stat(folder); err != nil || !at.IsDir() {
		return exit.With(exit.Usage, fmt.Errorf("there is no folder %s to write %s into", folder, filepath.Base(file)))
	}
	return nil
}

// keep writes a secret to a new file that only its owner reads.
func keep(file string, secret token.Secret) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, secret.Reveal()+"\n")
	return errors.Join(err, f.Sync(), f.Close())
}
