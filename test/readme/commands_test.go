package readme

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// mostNotRun is how many blocks of commands may be kept from being run, over all pages. Each says why.
const mostNotRun = 8

var updating = flag.Bool("update", false, "write into the pages what their commands show")

// built is the command, in a folder of its own in which the pages' commands find it.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "whittle-pages-")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", folder, "./cmd/whittle")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return folder, fmt.Errorf("%w\n%s", err, out)
	}
	return folder, nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if folder, _ := built(); folder != "" {
		os.RemoveAll(folder)
	}
	os.Exit(code)
}

// needShell skips where the pages' tools are missing, but never in CI.
func needShell(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "jq", "openssl"} {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("CI needs %s for the pages' commands", tool)
		}
		t.Skipf("the pages' commands were NOT tried: there is no %s here", tool)
	}
}

// hasNode says whether the pages' JavaScript can be run, as it must be in CI.
func hasNode(t *testing.T) bool {
	t.Helper()
	if _, err := exec.LookPath("node"); err == nil {
		return true
	}
	if os.Getenv("CI") != "" {
		t.Fatal("CI needs node for the pages' JavaScript")
	}
	t.Log("the pages' JavaScript was NOT tried: there is no node here")
	return false
}

// TestEveryCommandDoesWhatItsPageShows pastes the blocks of each page one after the other.
func TestEveryCommandDoesWhatItsPageShows(t *testing.T) {
	needShell(t)
	all, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	kept, node := 0, hasNode(t)
	for _, p := range all {
		if !node {
			p.blocks = slices.DeleteFunc(p.blocks, func(b block) bool { return b.script })
		}
		kept += len(p.kept)
		for _, reason := range p.kept {
			t.Logf("%s: not run: %s", p.name, reason)
		}
		if len(p.blocks) == 0 {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			outputs, codes := newShell(t).try(t, p.where, p.blocks)
			if *updating {
				if err := p.update(outputs); err != nil {
					t.Error(err)
				}
				return
			}
			for i, b := range p.blocks {
				switch {
				case b.shown && masked(outputs[i]) != masked(b.output):
					t.Errorf("%s:%d writes\n%s\nThe page shows\n%s", p.name, b.line, presentable(outputs[i]), b.output)
				case !b.shown && codes[i] != "0":
					t.Errorf("%s:%d ended with %s:\n%s", p.name, b.line, codes[i], presentable(outputs[i]))
				case codes[i] == "never":
					t.Errorf("%s:%d was never reached", p.name, b.line)
				}
			}
		})
	}
	if kept > mostNotRun {
		t.Errorf("%d blocks aren't run, at most %d may be", kept, mostNotRun)
	}
}

// TestTheFirstCommandsRunAsPasted takes what `init --dev` prints, pastes it as a whole, and holds it and what
// comes of it to what the tutorial shows piece by piece.
func TestTheFirstCommandsRunAsPasted(t *testing.T) {
	needShell(t)
	s := newShell(t)
	outputs, _ := s.try(t, "home", []block{{commands: "whittle init --dev whittle-dev"}})
	_, printed, found := strings.Cut(outputs[0], "\ncd ")
	if !found {
		t.Fatalf("it prints no commands:\n%s", outputs[0])
	}
	printed = "cd " + printed

	tutorial, err := parse("", read(t, "docs/tutorial/five-minutes.md"))
	if err != nil {
		t.Fatal(err)
	}
	var shown, expected string
	for _, b := range tutorial.blocks[1:] { // the first is init itself
		shown += b.commands
		expected += b.output
	}
	if got, want := bare(printed), bare(shown); got != want {
		t.Errorf("init --dev prints\n%s\nand the tutorial shows\n%s", got, want)
	}
	outputs, _ = s.try(t, "home", []block{{commands: printed}})
	if got, want := masked(outputs[0]), masked(expected); got != want {
		t.Errorf("pasted as a whole, the commands write\n%s\nThe tutorial shows\n%s", got, want)
	}
}

// bare is commands without comments and empty lines.
func bare(commands string) string {
	var kept []string
	for line := range strings.Lines(commands) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func TestABlockIsReadWithWhatItShows(t *testing.T) {
	p, err := parse("x", "<!-- begin: home -->\n\n```sh\na\n```\n\n```text\nb\n```\n\ntext\n\n```text\nc\n```\n\n<!-- not run: why -->\n```sh\nd\n```\n\n```sh\ne\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	if p.where != "home" || len(p.blocks) != 2 || p.blocks[0].output != "b\n" || p.blocks[1].shown || len(p.kept) != 1 {
		t.Errorf("%+v", p)
	}
	for _, bad := range []string{"```sh\na\n", "```bash\na\n```\n", "<!-- not run: why -->\ntext\n"} {
		if p, err := parse("x", bad); err == nil {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}

// TestAPageThatLiesIsFound is the test of the tests: what is wrong on a page shows.
func TestAPageThatLiesIsFound(t *testing.T) {
	needShell(t)
	outputs, codes := newShell(t).try(t, "home", []block{{commands: "A=1; echo $A"}, {commands: "echo $((A+1)); false"}, {commands: "exit 3"}, {commands: "echo no"}})
	if outputs[0] != "1\n" || codes[0] != "0" || outputs[1] != "2\n" || codes[1] != "1" || codes[2] != "never" || codes[3] != "never" {
		t.Errorf("%q, %q", outputs, codes)
	}
	if masked("eyJhbGciOiJF.e30.c2ln for 4m59s") == masked("for 4m59s") {
		t.Error("a token that is missing goes unnoticed")
	}
}
