package scripts

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/whittle-sts/whittle/internal/issuer/issuertest"
)

// state is the key of what a script has running.
type state struct{}

type world struct {
	command   string // the whittle that is tested
	server    *process
	following *process
	corp      *issuertest.Provider
}

func of(ts *testscript.TestScript) *world { return ts.Value(state{}).(*world) }

// serve starts the server on the state in ./state and ports that are free, and waits until it says where
// it is: `serve [flag...]`. Then $WHITTLE_URL is its URL, and ./bootstrap holds the first secret, if it was
// made now.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	if neg || w.server != nil {
		ts.Fatalf("serve: one server at a time")
	}
	_, err := os.Stat(ts.MkAbs("state"))
	fresh := errors.Is(err, fs.ErrNotExist)
	ports := "--http 127.0.0.1:0 --grpc 127.0.0.1:0 --admin 127.0.0.1:0"
	w.server = start(ts, append([]string{"serve", "--data", "state"}, append(strings.Fields(ports), args...)...)...)
	ts.Setenv("WHITTLE_URL", w.server.await(ts, `OAuth (https?://\S+)`))
	if fresh {
		secret := w.server.await(ts, `^  secret (\S+)$`)
		ts.Check(os.WriteFile(ts.MkAbs("bootstrap"), []byte(secret+"\n"), 0o600))
	}
}

// stop ends the server, which has to do so in good order; what it printed is the output.
func stop(ts *testscript.TestScript, neg bool, _ []string) {
	w := of(ts)
	if neg || w.server == nil {
		ts.Fatalf("stop: there is no server")
	}
	w.server.end(ts, syscall.SIGTERM)
	w.server = nil
}

// follow runs `whittle audit follow` in the background: `follow [flag...]`.
func follow(ts *testscript.TestScript, _ bool, args []string) {
	of(ts).following = start(ts, append([]string{"audit", "follow"}, args...)...)
}

// await waits until what is followed has printed what a pattern matches: `await PATTERN`.
func await(ts *testscript.TestScript, _ bool, args []string) { of(ts).following.await(ts, args[0]) }

// interrupt ends what is followed, as Ctrl-C does; what it printed is the output.
func interrupt(ts *testscript.TestScript, _ bool, _ []string) {
	of(ts).following.end(ts, os.Interrupt)
}

// issuer plays the company's identity provider: $ISSUER is its URL.
func issuer(ts *testscript.TestScript, _ bool, _ []string) {
	w := of(ts)
	var err error
	w.corp, err = issuertest.New(time.Now)
	ts.Check(err)
	ts.Defer(func() { w.corp.Close() })
	ts.Setenv("ISSUER", w.corp.URL)
}

// sign writes a token of the identity provider's: `sign FILE SUBJECT GROUP...`.
func sign(ts *testscript.TestScript, _ bool, args []string) {
	text, err := of(ts).corp.Token(args[1], "whittle", map[string]any{"groups": args[2:]})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text+"\n"), 0o600))
}

// exits runs a command that ends with that status: `exits CODE COMMAND...`.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("it exits with %d, want %d", got, want)
	}
}

// fill writes the environment into a file where it says $NAME: `fill FILE...`.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// masks are what is another one each time.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "URL"},
	{regexp.MustCompile(`\beyJ[\w-]+\.[\w-]+\.[\w-]+`), "JWT"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "HASH"},
	{regexp.MustCompile(`[\w-]{43}\b`), "HASH"},
	{regexp.MustCompile(`\b[0-9a-z]{26}\b`), "ID"},
	{regexp.MustCompile(`[\w-]{22}\b`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "DIGEST"},
	{regexp.MustCompile(` +`), " "}, // columns are as wide as what they hold
}

// prints compares the output of the last command with a file, but for what is another one each time.
func prints(ts *testscript.TestScript, _ bool, args []string) {
	got, want := ts.ReadFile("stdout"), ts.ReadFile(args[0])
	for _, m := range masks {
		got, want = m.pattern.ReplaceAllString(got, m.with), m.pattern.ReplaceAllString(want, m.with)
	}
	if got != want {
		ts.Fatalf("it prints\n%s\nwant\n%s", got, want)
	}
}

// capture puts what a pattern's group matches in a file into the environment: `capture NAME FILE PATTERN`.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if found == nil {
		ts.Fatalf("%s has nothing like %s", args[1], args[2])
	}
	ts.Setenv(args[0], found[1])
}

// tamper replaces a text in a file by one as long, wherever it stands: `tamper FILE OLD NEW`.
func tamper(ts *testscript.TestScript, _ bool, args []string) {
	content, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	changed := strings.ReplaceAll(string(content), args[1], args[2])
	if changed == string(content) || len(changed) != len(content) {
		ts.Fatalf("%s doesn't hold %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(changed), 0o600))
}
