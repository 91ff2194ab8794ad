package deploy

import (
	"bytes"
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const root = "../.."

// stages reads the Containerfile as BuildKit does; what its linter warns of is an error.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	text, err := os.ReadFile(root + "/deploy/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range parsed.Warnings {
		t.Errorf("warning: %s", w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) { t.Errorf("%s: %s", rule, message) }})
	found, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// of lists the stage's instructions of one kind.
func of[T instructions.Command](s instructions.Stage) (list []T) {
	for _, c := range s.Commands {
		if it, ok := c.(T); ok {
			list = append(list, it)
		}
	}
	return list
}

func TestTheImageHoldsOneCommandThatNobodyInParticularRuns(t *testing.T) {
	all := stages(t)
	last := all[len(all)-1]
	if last.BaseName != "scratch" {
		t.Errorf("it is based on %s", last.BaseName)
	}
	if user := of[*instructions.UserCommand](last); len(user) != 1 || strings.HasPrefix(user[0].User, "0") || strings.HasPrefix(user[0].User, "root") {
		t.Errorf("it runs as %v", user)
	}
	if run := of[*instructions.RunCommand](last); len(run) > 0 {
		t.Error("something runs in it, but it has no shell")
	}
	health := of[*instructions.HealthCheckCommand](last)
	if len(health) != 1 || !slices.Equal(health[0].Health.Test, []string{"CMD", "/usr/local/bin/whittle", "health"}) {
		t.Errorf("its health is asked by %+v", health)
	}
	if entry := of[*instructions.EntrypointCommand](last); len(entry) != 1 || entry[0].PrependShell {
		t.Errorf("it needs a shell to start: %+v", entry)
	}
}

// built runs the Containerfile's own build line, with the output elsewhere.
func built(t *testing.T) string {
	t.Helper()
	out := t.TempDir()
	for _, run := range of[*instructions.RunCommand](stages(t)[0]) {
		line := strings.Join(run.CmdLine, " ")
		if !strings.Contains(line, "go build") {
			continue
		}
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(line, "/out/", out+"/"))
		cmd.Dir, cmd.Env = root, append(os.Environ(), "VERSION=v0.0.0-built", "COMMIT=abc")
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, said)
		}
	}
	return filepath.Join(out, "usr/local/bin/whittle")
}

func TestTheBuildLineMakesAStaticStampedCommand(t *testing.T) {
	command := built(t)
	file, err := elf.Open(command)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it asks for a dynamic loader")
		}
	}
	if libraries, err := file.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("it needs %v, %v", libraries, err)
	}
	said, err := exec.CommandContext(context.Background(), command, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(said), "whittle v0.0.0-built abc ") {
		t.Errorf("%v: %s", err, said)
	}
}

// TestTheBuildSeesWhatItNeedsAndNoMore copies the build's context as the ignore file says, and lists it.
func TestTheBuildSeesWhatItNeedsAndNoMore(t *testing.T) {
	text, err := os.ReadFile(root + "/deploy/Containerfile.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	var taken []string
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok {
			taken = append(taken, name)
		}
	}
	list := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{end}}{{end}}", "./cmd/whittle")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		path = strings.TrimPrefix(path, "github.com/whittle-sts/whittle/")
		if folder, _, _ := strings.Cut(path, "/"); !slices.Contains(taken, folder) {
			t.Errorf("%s is left out of the build's context", path)
		}
	}
	if taken[0] != "go.mod" || !strings.Contains(string(text), "\n*\n") {
		t.Error("it doesn't begin by leaving all out")
	}
}
