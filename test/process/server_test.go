package process

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// binary is the command as it is built, once for all tests.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "whittle-process")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "whittle")
	build := exec.Command("go", "build", "-o", binary, "github.com/whittle-sts/whittle/cmd/whittle")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	return m.Run()
}

// process is one running server.
type process struct {
	t          testing.TB
	cmd        *exec.Cmd
	url, admin string
	secret     string // of the bootstrap client, where it was made
	stderr     lockedBuilder
	ended      chan struct{}
}

type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var (
	whereLine  = regexp.MustCompile(`OAuth (http://\S+) · health and metrics (http://\S+)`)
	secretLine = regexp.MustCompile(`^\s+secret (\S+)$`)
)

// launch starts the server on the data folder and doesn't wait for it. What it says goes to the channel.
func launch(t testing.TB, data string, args ...string) (*process, <-chan string) {
	t.Helper()
	p := &process{t: t, ended: make(chan struct{})}
	args = append([]string{"serve", "--data", data, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--issuer", "http://127.0.0.1:8080"}, args...)
	p.cmd = exec.Command(binary, args...)
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	lines := make(chan string, 64) // more than it ever says
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return p, lines
}

// start starts the server and waits until it serves; the first time also for the bootstrap secret.
func start(t testing.TB, data string, first bool, args ...string) *process {
	t.Helper()
	p, lines := launch(t, data, args...)
	late := time.After(30 * time.Second)
	for p.url == "" || first && p.secret == "" {
		select {
		case line, more := <-lines:
			if !more {
				p.kill()
				t.Fatalf("it doesn't start: %s", &p.stderr)
			}
			if found := whereLine.FindStringSubmatch(line); found != nil {
				p.url, p.admin = found[1], found[2]
			}
			if found := secretLine.FindStringSubmatch(line); found != nil {
				p.secret = found[1]
			}
		case <-late:
			t.Fatalf("it doesn't say where it serves: %s", &p.stderr)
		}
	}
	return p
}

// kill ends the process as a power cut does, as far as a process can tell.
func (p *process) kill() {
	select {
	case <-p.ended:
	default:
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // it was killed, which is an error
		close(p.ended)
	}
}

// command runs another command of the binary and returns all that it said.
func command(t testing.TB, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// eventually waits until it holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("it never came to this: %s", what)
}

// said is what a path of the admin listener answers.
func said(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	must(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, string(text)
}
