package readme

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// addresses are those that the pages show. Each page is tried on free ports, so that it disturbs no server
// that runs here.
var addresses = map[string]string{
	"WHITTLE_LISTEN_HTTP": "127.0.0.1:8080", "WHITTLE_LISTEN_GRPC": "127.0.0.1:9090",
	"WHITTLE_LISTEN_ADMIN": "127.0.0.1:9091", "WHITTLE_DEV_ISSUER": "127.0.0.1:9400",
	"GATEWAY": "127.0.0.1:9500", // examples/gateway, which takes it as an argument
}

// home is what the pages call the reader's home.
const home = "/home/you"

// shell is a clean account in which a page is tried: its own home, profiles and ports, and the command in PATH.
type shell struct {
	home          string
	env           []string
	toReal, toDoc *strings.Replacer
}

// places is what a reader has when a page begins, as commands.
var places = map[string]string{
	"clone": `cd "$CLONE"`,
	"home":  `cd "$HOME"`,
	// The server of the first tutorial, in its folder.
	"tutorial":            tutorial,
	"tutorial in a clone": tutorial + "\ncd \"$CLONE\"",
}

const tutorial = `cd "$HOME" && whittle init --dev whittle-dev > init.log && cd whittle-dev || exit
whittle dev issuer > issuer.log 2>&1 &
whittle serve > serve.log 2>&1 &
whittle ready http://127.0.0.1:9400 http://127.0.0.1:8080`

func newShell(t *testing.T) *shell {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	clone, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	s := &shell{home: t.TempDir()}
	s.env = append(os.Environ(),
		"HOME="+s.home, "CLONE="+clone, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "GOBIN="+t.TempDir(),
		"WHITTLE_CONFIG_DIR="+filepath.Join(s.home, ".config", "whittle"),
	)
	for _, name := range []string{"GOPATH", "GOCACHE", "GOMODCACHE"} { // which follow HOME otherwise
		if out, err := exec.Command("go", "env", name).Output(); err == nil {
			s.env = append(s.env, name+"="+strings.TrimSpace(string(out)))
		}
	}
	toReal, toDoc := []string{home, s.home}, []string{s.home, home}
	for name, shown := range addresses {
		free := freeAddress(t)
		value := free
		if name == "WHITTLE_DEV_ISSUER" {
			value = "http://" + free
		}
		s.env = append(s.env, name+"="+value)
		toReal, toDoc = append(toReal, shown, free), append(toDoc, free, shown)
	}
	s.toReal, s.toDoc = strings.NewReplacer(toReal...), strings.NewReplacer(toDoc...)
	return s
}

// freeAddress is a port that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// fence stands between the outputs of two blocks; after it stands the exit status of the one before.
const fence = "----8<---- "

// try runs the blocks one after the other in one bash, and answers what each wrote and how it ended.
func (s *shell) try(t *testing.T, where string, blocks []block) (outputs []string, codes []string) {
	t.Helper()
	begin, known := places[where]
	if !known {
		t.Fatalf("no page begins in %q", where)
	}
	var script strings.Builder
	script.WriteString("trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n") // what runs in the background ends with the page
	for _, b := range append([]block{{commands: begin}}, blocks...) {
		fmt.Fprintf(&script, "%s\necho '%s'$?\n", s.toReal.Replace(strings.TrimSuffix(b.commands, "\n")), "\n"+fence)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	file := filepath.Join(s.home, ".page.sh")
	if err := os.WriteFile(file, []byte("exec 2>&1\n"+script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "bash", file)
	cmd.Dir, cmd.Env = s.home, s.env
	out, err := cmd.Output()
	if ctx.Err() != nil {
		t.Errorf("not done after minutes: %v", err)
	}
	parts := strings.Split(string(out), "\n"+fence)
	for i, part := range parts {
		if i > 0 {
			code, rest, _ := strings.Cut(part, "\n")
			codes, part = append(codes, code), rest
		}
		outputs = append(outputs, s.toDoc.Replace(part))
	}
	for len(outputs) < len(blocks)+2 {
		outputs, codes = append(outputs, ""), append(codes, "never")
	}
	if codes[0] != "0" {
		t.Fatalf("%q can't be had: %s\n%s", where, codes[0], outputs[0])
	}
	return outputs[1 : len(blocks)+1], codes[1:]
}

// masks hide what is another one each time. What is masked must still be there. The first three are secrets,
// which the pages don't show.
var masks = []struct{ pattern, shown string }{
	{`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`, "eyJ…"},
	{`\bws_[A-Za-z0-9_-]{20,}`, "ws_…"},
	{`\bwt_[A-Za-z0-9_-]{20,}`, "wt_…"},
	{`\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}`, "+KEY"}, // a signed note's verifier key
	{`\b[0-9a-z]{26}\b`, "ID"},
	{`\b[A-Z0-9]{26}\b`, "ID"},
	{`\b[0-9a-f]{64}\b`, "DIGEST"},
	{`\b[0-9a-f]{32}\b`, "HEX"},
	{`\b[0-9a-f]{16}\b`, "HEX"},
	{`\b[0-9a-f]{12}\b`, "HEX"},
	{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`, "TIME"},
	{`\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?`, "TIME"},
	{`\b(\d+h)?(\d+m)?\d+(\.\d+)?s\b`, "SPAN"},
	{`[ \t]+`, " "}, // columns are as wide as what is masked
}

const secrets = 3

// presentable is output as a page shows it.
func presentable(text string) string {
	for _, m := range masks[:secrets] {
		text = regexp.MustCompile(m.pattern).ReplaceAllString(text, m.shown)
	}
	return strings.TrimRight(text, "\n ") + "\n"
}

// masked is output without what is another one each time, to compare.
func masked(text string) string {
	for _, m := range masks {
		text = regexp.MustCompile(m.pattern).ReplaceAllString(text, m.shown)
	}
	text = regexp.MustCompile(`[A-Za-z0-9_-]{22,}`).ReplaceAllStringFunc(text, func(word string) string {
		if strings.ToLower(word) != word && strings.ToUpper(word) != word { // no word that anybody writes
			return "ID"
		}
		return word
	})
	return strings.TrimSpace(regexp.MustCompile(` ?\n`).ReplaceAllString(text, "\n"))
}
