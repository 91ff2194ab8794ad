package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// ErrUnexpected says that a step didn't do what it says.
var ErrUnexpected = errors.New("a step did not do what it says")

// Run plays the demo and writes what happens to out. With once it returns then; otherwise the server
// goes on until ctx is done, for the commands that are printed last.
func Run(ctx context.Context, out io.Writer, once bool) (err error) {
	p, err := start(ctx)
	if err != nil {
		return fmt.Errorf("starting the demo: %w", err)
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.onceReady(ctx); err != nil {
		return err
	}
	s := &story{platform: p, out: out}
	s.tell(ctx)
	if !once && s.expected == s.steps {
		if err := p.printCommands(out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\ndemo: %d of %d steps as expected\n", s.expected, s.steps)
	if s.expected < s.steps {
		return ErrUnexpected
	}
	if !once {
		<-ctx.Done()
	}
	return nil
}

// story is the demo under way: what the steps so far got hold of.
type story struct {
	*platform
	out             io.Writer
	steps, expected int

	corporate string // the researcher's broad token
	task      string // the agent's exchange-only token
	taskID    string
	reading   string // ten minutes of ai.training.read
	child     string // the sub-agent's
	decision  string // of a refusal
	version   uint64 // of the policy
	entries   uint64 // of the log
}

// step is one thing that the demo does. It says what came back, or why that isn't what was expected.
type step struct {
	title string
	asked string
	do    func(context.Context) (came string, err error)
}

// tell plays the steps in order. A step that fails leaves the later ones without what they need, so
// they fail too, and the count says so.
func (s *story) tell(ctx context.Context) {
	fmt.Fprintf(s.out, "A scratch server: gRPC %s · Connect and OAuth %s · state in %s\n", s.server.GRPCAddr(), s.server.HTTPURL(), s.folder)
	for _, st := range s.script() {
		s.steps++
		fmt.Fprintf(s.out, "\n%2d. %s\n    asked  %s\n", s.steps, st.title, st.asked)
		came, err := st.do(ctx)
		if err != nil {
			fmt.Fprintf(s.out, "    WRONG  %v\n", err)
			continue
		}
		s.expected++
		fmt.Fprintf(s.out, "    came   %s\n", came)
	}
}

// expect is an error unless it holds.
func expect(holds bool, got any) error {
	if holds {
		return nil
	}
	return fmt.Errorf("%w: %+v", ErrUnexpected, got)
}
