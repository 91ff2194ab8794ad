package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/whittle-sts/whittle/server"
)

// StandardFile is the file that is read if none is named, and if it is there.
const StandardFile = "whittle.yaml"

// Settings is what holds after all sources were read.
type Settings struct {
	Server server.Config // without a logger
	Log    Log
	// CoreDumps says whether the system may write the process's memory to a disk.
	CoreDumps bool
	File      string  // that was read; empty: none
	Values    []Value // in the table's order
}

// Value is what one setting is, and why.
type Value struct {
	Setting

	Text string // the value as people write it; empty: there is none
	From string // "the default", a place in the file, a variable or a flag
}

// Source is where settings come from. The later in this struct win.
type Source struct {
	File  string            // empty: StandardFile, if it is there
	Env   []string          // as os.Environ has it
	Flags map[string]string // values by flag name, of those that were given
}

// Load reads all sources. Whatever is wrong with any of them is in the error, with its place.
func Load(from Source) (*Settings, error) {
	file, source, err := open(from.File)
	if err != nil {
		return nil, err
	}
	given, err := readFile(file, source)
	if err != nil {
		return nil, err
	}
	t, out := standard(), &Settings{File: file}
	env := variables(from.Env)
	var problems []error
	for _, s := range Table() {
		v := Value{Setting: s, From: "the default"}
		if g, ok := given[s.Path]; ok {
			v.From = fmt.Sprintf("%s:%d", file, g.line)
			problems = append(problems, s.read(t, g.values)) // which readFile tried
		}
		if text, ok := env[s.Env]; ok {
			v.From = s.Env
			problems = append(problems, named(s.Env, s.read(t, s.split(text))))
		}
		if text, ok := from.Flags[s.Flag]; ok {
			v.From = "--" + s.Flag
			problems = append(problems, named("--"+s.Flag, s.read(t, s.split(text))))
		}
		v.Text = strings.Join(s.write(t), ", ")
		out.Values = append(out.Values, v)
	}
	problems = append(problems, unknown(env, t))
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	out.Server, out.Log, out.CoreDumps = t.Config, t.Log, t.CoreDumps
	return out, nil
}

// open reads the file, which may only be absent if nobody named it.
func open(name string) (file string, source []byte, err error) {
	file = name
	if file == "" {
		file = StandardFile
	}
	source, err = os.ReadFile(file)
	if name == "" && errors.Is(err, os.ErrNotExist) {
		return "", nil, nil
	}
	return file, source, err
}

func variables(environ []string) map[string]string {
	out := make(map[string]string)
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && value != "" {
			out[name] = value
		}
	}
	return out
}

// split makes values of a variable's or a flag's text.
func (s Setting) split(text string) []string {
	if !s.List {
		return []string{text}
	}
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func named(where string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

// beside is a path that the file names, seen from here.
func beside(file, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}
