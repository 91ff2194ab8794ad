package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// commandTime is how long a command may take to print a key.
const commandTime = 30 * time.Second

// Source is where a key-encryption key comes from: a file, a variable of the environment, or what a
// command prints. Each holds 64 hexadecimal digits. The zero Source is none.
type Source struct {
	kind  string // file, env or command
	value string
}

// ParseSource reads file:PATH, env:NAME and command:PROGRAM ARGUMENTS; a text without any of these is a
// path. The command's arguments are separated by spaces and go to no shell.
func ParseSource(text string) (Source, error) {
	kind, value, found := strings.Cut(text, ":")
	switch {
	case text == "":
		return Source{}, nil
	case !found || strings.ContainsAny(kind, `/\.`) || len(kind) == 1: // a path; C:\kek too
		return Source{"file", text}, nil
	case strings.TrimSpace(value) == "":
		return Source{}, fmt.Errorf("%q: %w", text, ErrSource)
	case kind == "file", kind == "env", kind == "command":
		return Source{kind, value}, nil
	}
	return Source{}, fmt.Errorf("%q: %w", text, ErrSource)
}

// IsZero says whether no source was named.
func (s Source) IsZero() bool { return s.kind == "" }

// String is what ParseSource reads. It names the place, never the key.
func (s Source) String() string {
	if s.IsZero() {
		return ""
	}
	return s.kind + ":" + s.value
}

// File is the path of a source that is a file, or empty.
func (s Source) File() string {
	if s.kind != "file" {
		return ""
	}
	return s.value
}

// Load fetches the key. Where there is no file, the error matches [os.ErrNotExist].
func (s Source) Load(ctx context.Context) (*LocalKEK, error) {
	switch s.kind {
	case "file":
		return LoadFile(s.value)
	case "env":
		return fromEnvironment(s.value)
	case "command":
		return fromCommand(ctx, s.value)
	}
	return nil, fmt.Errorf("key-encryption key: %w", ErrSource)
}

func fromEnvironment(name string) (*LocalKEK, error) {
	kek, err := parseKEK(os.Getenv(name))
	if err != nil {
		return nil, fmt.Errorf("key-encryption key in the variable %s: %w", name, err)
	}
	return kek, nil
}

func fromCommand(ctx context.Context, line string) (*LocalKEK, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	words := strings.Fields(line)
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stderr = limited{&complaint}
	var printed bytes.Buffer
	cmd.Stdout = limited{&printed}
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("key-encryption key: the command %s: %w: %s", words[0], errors.Join(err, ctx.Err()), strings.TrimSpace(complaint.String()))
	}
	kek, err := parseKEK(printed.String())
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: what the command %s prints: %w", words[0], err)
	}
	return kek, nil
}

// limited keeps the first bytes of what a command prints; the rest can't be a key.
type limited struct{ to *bytes.Buffer }

func (l limited) Write(b []byte) (int, error) {
	l.to.Write(b[:min(len(b), maxFile-min(l.to.Len(), maxFile))])
	return len(b), nil
}

var _ io.Writer = limited{}
