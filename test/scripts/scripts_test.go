// Package scripts runs the commands as people do. Each script is a short story: a real server, requests,
// what they answer, and the end. The words of the scripts beyond testscript's own are in words_test.go.
package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestScripts(t *testing.T) {
	command := whittle(t)
	testscript.Run(t, testscript.Params{
		Dir:                 ".",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serve, "stop": stop, "follow": follow, "await": await, "interrupt": interrupt,
			"issuer": issuer, "sign": sign, "fill": fill,
			"exits": exits, "prints": prints, "capture": capture, "tamper": tamper,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(command)+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("WHITTLE_CONFIG_DIR", filepath.Join(env.WorkDir, "config"))
			env.Values[state{}] = &world{command: command}
			return nil
		},
	})
}

// whittle builds the command.
func whittle(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "whittle")
	build := exec.Command("go", "build", "-o", file, "./cmd/whittle")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}
