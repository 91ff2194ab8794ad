package main

import (
	"debug/buildinfo"
	"os/exec"
	"runtime/debug"
	"strings"

	"github.com/go-json-experiment/json"
)

// ofModule is a module and the version of it that a program was built with.
func ofModule(info *debug.BuildInfo, module string) string {
	for _, d := range append(info.Deps, &info.Main) {
		if d.Path == module {
			return module + " " + d.Version
		}
	}
	return module + ", of unknown version"
}

// ofThis is ofModule for this program, which has Whittle in it, the floors and the peers that are libraries.
func ofThis(modules ...string) (versions []string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	for _, m := range modules {
		versions = append(versions, ofModule(info, m))
	}
	return versions
}

// ofProgram is ofModule for another program of Go's.
func ofProgram(file, module string) string {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		info = new(debug.BuildInfo)
	}
	return ofModule(info, module)
}

// said is what a program says of its version.
func said(program string) string {
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return program + ", of unknown version"
	}
	return strings.TrimSpace(string(out))
}

// ofPackage is what package.json says that it needs of a package.
func ofPackage(text []byte, name string) string {
	var of struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	if err := json.Unmarshal(text, &of); err != nil || of.Dependencies[name] == "" {
		return name + ", of unknown version"
	}
	return name + " " + of.Dependencies[name]
}
