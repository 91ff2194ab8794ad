package scripts

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// process is a command in the background, whose output can be looked at while it runs.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when all output is there

	mu     sync.Mutex // guards output
	output strings.Builder
}

// patience is how long a script waits for what has to come.
const patience = time.Minute

// start runs whittle in the background, in the script's folder and environment.
func start(ts *testscript.TestScript, args ...string) *process {
	p := &process{cmd: exec.Command(of(ts).command, args...), ended: make(chan struct{})}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = os.Environ()
	for _, name := range []string{"CONFIG_DIR", "URL", "PROFILE", "CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_FILE"} {
		p.cmd.Env = append(p.cmd.Env, "WHITTLE_"+name+"="+ts.Getenv("WHITTLE_"+name))
	}
	out, in, err := os.Pipe()
	ts.Check(err)
	p.cmd.Stdout, p.cmd.Stderr = in, in
	ts.Check(p.cmd.Start())
	in.Close()
	go func() {
		defer close(p.ended)
		io.Copy(p, out)
	}()
	ts.Defer(func() {
		p.cmd.Process.Kill()
		<-p.ended
		p.cmd.Wait()
	})
	return p
}

// Write takes what the command prints.
func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.Write(text)
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// await waits until the output has what the pattern matches, and returns its first group, if it has one.
func (p *process) await(ts *testscript.TestScript, pattern string) string {
	look := regexp.MustCompile("(?m)" + pattern)
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		over := false
		select {
		case <-p.ended:
			over = true
		default:
		}
		if found := look.FindStringSubmatch(p.printed()); found != nil {
			return found[len(found)-1]
		}
		if over || time.Since(began) > patience {
			ts.Fatalf("it doesn't print %s:\n%s", pattern, p.printed())
		}
	}
}

// end sends a signal and waits; what it printed is the script's output. It has to end with status 0.
func (p *process) end(ts *testscript.TestScript, signal os.Signal) {
	ts.Check(p.cmd.Process.Signal(signal))
	<-p.ended
	err := p.cmd.Wait()
	io.WriteString(ts.Stdout(), p.printed())
	ts.Check(err)
}
