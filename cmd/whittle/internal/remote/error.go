package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

// Explain makes of what a request ended with an error for people, which says what to do next, with its
// exit code. What didn't come from the server stays as it is.
func (s *Server) Explain(err error) error {
	const none exit.Code = -1
	failed, ok := errors.AsType[*connect.Error](err)
	switch {
	case !ok, exit.Of(err, none) != none: // not from a request, or explained already
		return err
	case !failed.IsRemote() && (nothingCame(failed.Code()) || errors.Is(err, io.ErrUnexpectedEOF)):
		return s.noAnswer(err)
	case !failed.IsRemote():
		return exit.With(exit.Failed, fmt.Errorf("%s answers, but not as Whittle does: is that its HTTP listener? (%s)",
			s.at.URL, failed.Message()))
	}
	d := detailsOf(failed)
	text, code := s.judge(failed, d)
	text += d.lines()
	if d.decision != "" {
		text += "\nwhoever has audit.read can ask why: whittle why " + d.decision
	}
	return exit.With(code, errors.New(text))
}

// judge says what one of the server's errors means to whoever gave the command.
func (s *Server) judge(e *connect.Error, d details) (text string, code exit.Code) {
	switch e.Code() {
	case connect.CodeUnauthenticated:
		return fmt.Sprintf("%s doesn't accept the credential of client %q, which came from %s: is the secret right, and still good?",
			s.at.URL, s.at.Client, s.at.From), exit.Refused
	case connect.CodePermissionDenied:
		if d.reason == "access_denied" {
			return fmt.Sprintf("%s; client %q (from %s) doesn't have it: the policy gives it, in the client's `may`",
				e.Message(), s.at.Client, s.at.From), exit.Refused
		}
		return fmt.Sprintf("refused to client %q: %s (%s)", s.at.Client, e.Message(), d.reason), exit.Refused
	case connect.CodeInvalidArgument:
		switch {
		case len(d.problems) > 0:
			return e.Message() + "; nothing was applied", exit.No
		case d.reason != "" && d.reason != "invalid_request":
			return fmt.Sprintf("refused to client %q: %s (%s)", s.at.Client, e.Message(), d.reason), exit.Refused
		}
		return e.Message(), exit.Usage
	case connect.CodeFailedPrecondition:
		return e.Message() + "; nothing was changed", exit.Refused
	case connect.CodeNotFound:
		return e.Message(), exit.No
	case connect.CodeAborted:
		return e.Message() + ": somebody else changed it first, and nothing was done. Look at it again, then repeat", exit.Conflict
	case connect.CodeResourceExhausted, connect.CodeUnavailable:
		return s.at.URL + ": " + e.Message() + d.later(), exit.Unavailable
	case connect.CodeUnimplemented:
		return s.at.URL + " can't do this: is it Whittle, and as new as this command?", exit.Failed
	default:
		return s.at.URL + ": " + e.Message(), exit.Failed
	}
}

// nothingCame is whether a code of our own side means that there was no answer, and not a strange one.
func nothingCame(code connect.Code) bool {
	return code == connect.CodeUnavailable || code == connect.CodeCanceled || code == connect.CodeDeadlineExceeded
}

// noAnswer is the error when nothing came back that a server meant.
func (s *Server) noAnswer(err error) error {
	if errors.Is(err, context.Canceled) {
		return exit.With(exit.Failed, errors.New("interrupted"))
	}
	text := "no answer from " + s.at.URL
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return exit.With(exit.Unavailable, fmt.Errorf("%s: %w\nis it running there? `whittle serve` starts one; --url, WHITTLE_URL or a profile say where it is", text, op.Err))
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return exit.With(exit.Unavailable, fmt.Errorf("%s: its certificate isn't trusted: %w\na profile's ca_file names the certificates to trust", text, bad.Err))
	}
	return exit.With(exit.Unavailable, fmt.Errorf("%s: %w", text, err))
}

// details is what an error of the server's has beside its message.
type details struct {
	reason   string // the OAuth error code
	decision string
	wait     time.Duration
	problems []*whittlev1.PolicyProblem
}

func detailsOf(e *connect.Error) (d details) {
	for _, detail := range e.Details() {
		message, err := connectproto.UnmarshalErrorDetail(detail)
		if err != nil {
			continue // of a newer server: the message says enough
		}
		switch m := message.(type) {
		case *errdetails.ErrorInfo:
			d.reason, d.decision = m.GetReason(), m.GetMetadata()["decision"]
		case *errdetails.RetryInfo:
			d.wait = m.GetRetryDelay().AsDuration()
		case *whittlev1.PolicyProblem:
			d.problems = append(d.problems, m)
		}
	}
	return d
}

// lines is what is wrong with a policy, a line each.
func (d details) lines() string {
	var b strings.Builder
	for _, p := range d.problems {
		fmt.Fprintf(&b, "\n  line %d, column %d: %s", p.GetLine(), p.GetColumn(), p.GetMessage())
	}
	return b.String()
}

func (d details) later() string {
	if d.wait <= 0 {
		return ""
	}
	return fmt.Sprintf(" (wait %v)", d.wait)
}
