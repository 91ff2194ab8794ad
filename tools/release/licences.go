package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
)

// licences gathers the licence texts of all modules that the command is made of, and of Go itself: most of
// them ask that their text goes wherever their code goes.
func licences(ctx context.Context, command string) ([]byte, error) {
	info, err := buildinfo.ReadFile(command)
	if err != nil {
		return nil, err
	}
	goroot, err := output(ctx, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	if err := quote(&all, "Go "+info.GoVersion, goroot); err != nil {
		return nil, err
	}
	for _, m := range info.Deps {
		dir, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}", m.Path)
		if err != nil {
			return nil, err
		}
		if err := quote(&all, m.Path+" "+m.Version, dir); err != nil {
			return nil, err
		}
	}
	return all.Bytes(), nil
}

// quote adds the licence and notice files of one folder. That there is none is an error: nobody has said
// that its code may be passed on.
func quote(all *bytes.Buffer, of, dir string) error {
	found := 0
	for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(all, "==== %s: %s\n\n%s\n\n", of, filepath.Base(name), bytes.TrimSpace(text))
			found++
		}
	}
	if found == 0 {
		return fmt.Errorf("%s has no licence file", of)
	}
	return nil
}
