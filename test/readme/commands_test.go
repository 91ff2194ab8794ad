package readme

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// whittle builds the command into a folder of its own, in which the README's commands find it.
func whittle(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "whittle")
	build := exec.Command("go", "build", "-o", file, "./cmd/whittle")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// needShell skips where the README's tools are missing, but never in CI.
func needShell(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("CI needs %s for the README's commands", tool)
		}
		t.Skipf("the README's commands were NOT tried: there is no %s here", tool)
	}
}

func TestEveryFlagIsKnown(t *testing.T) {
	command, help := whittle(t), ""
	for _, name := range []string{"demo", "serve", "why"} {
		out, err := exec.Command(command, name, "--help").Output()
		if err != nil {
			t.Fatal(err)
		}
		help += string(out)
	}
	for _, flag := range all(`(--[a-z][a-z-]+)`, read(t, "README.md")+read(t, "examples/policy.yaml")) {
		if !regexp.MustCompile(flag + `\b`).MatchString(help) {
			t.Errorf("no command knows %s", flag)
		}
	}
}

// serve starts the command as the README does, but on free ports and a scratch state, and answers
// where it is and the secret that it printed.
func serve(t *testing.T, command, line string) (url, secret string) {
	t.Helper()
	args := strings.Fields(strings.Replace(line, "./state", t.TempDir(), 1))[1:]
	args = append(args, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	server := exec.CommandContext(ctx, command, args...)
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = server.Wait() }) // it was killed, which is an error
	for lines := bufio.NewScanner(stdout); secret == "" && lines.Scan(); {
		if found := all(`OAuth (http://\S+)`, lines.Text()); found != nil {
			url = found[0]
		}
		if found := all(`^  secret (\S+)$`, lines.Text()); found != nil {
			secret = found[0]
		}
	}
	if url == "" || secret == "" {
		t.Fatal("it doesn't say where it is and what the first secret is")
	}
	return url, secret
}

// TestServingGoesAsShown pastes the blocks of "Serving" one after the other.
func TestServingGoesAsShown(t *testing.T) {
	needShell(t)
	_, section, _ := strings.Cut(read(t, "README.md"), "\n## Serving\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks, shown := all("(?s)```sh\n(.*?)```", section), all("(?s)```text\n(.*?)```", section)
	if len(blocks) != 3 || len(shown) != 1 {
		t.Fatalf("%d blocks of commands and %d of output, want 3 and 1", len(blocks), len(shown))
	}
	start, found := strings.CutPrefix(blocks[0], "go build ./cmd/whittle\n")
	if !found || blocks[1] != "read -rs SECRET\n" {
		t.Fatalf("this test doesn't know the first blocks any more: %q", blocks[:2])
	}

	command := whittle(t)
	url, secret := serve(t, command, start)
	script := strings.ReplaceAll(blocks[2], "http://127.0.0.1:8080", url)
	script = strings.ReplaceAll(script, "./whittle", `"$WHITTLE"`)
	paste := exec.Command("bash", "-c", blocks[1]+script)
	paste.Dir, paste.Stdin = root, strings.NewReader(secret+"\n")
	paste.Env = append(os.Environ(), "WHITTLE="+command, "WHITTLE_URL="+url)
	out, err := paste.CombinedOutput()
	if got, want := masked(string(out)), masked(shown[0]); err != nil || got != want {
		t.Errorf("%v\n%s\nThe README shows:\n%s", err, got, want)
	}
}

// masked hides what is another one each time.
func masked(text string) string {
	text = regexp.MustCompile(`\b[0-9a-z]{26}\b`).ReplaceAllString(text, "DECISION")
	return regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`).ReplaceAllString(text, "TIME")
}
