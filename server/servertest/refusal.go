package servertest

import (
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Refusal is an error answer, in the words that all wires share.
type Refusal struct {
	Code        string // the OAuth code
	Description string
	Decision    string
	Status      string // the wire's own
	RetryAfter  time.Duration
}

// Error says all of it.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s: %s (%s, decision %q)", r.Code, r.Description, r.Status, r.Decision)
}

// CodeOf is the OAuth code of a wire's error; empty for none.
func CodeOf(err error) string {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal.Code
	}
	if err != nil {
		return "(not a refusal) " + err.Error()
	}
	return ""
}

func fromGRPC(err error) error {
	if err == nil {
		return nil
	}
	s := status.Convert(err)
	refusal := &Refusal{Description: s.Message(), Status: s.Code().String()}
	for _, d := range s.Details() {
		refusal.take(d)
	}
	return refusal
}

func fromConnect(err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return err
	}
	refusal := &Refusal{Description: e.Message(), Status: e.Code().String()}
	for _, d := range e.Details() {
		if m, err := connectproto.UnmarshalErrorDetail(d); err == nil {
			refusal.take(m)
		}
	}
	return refusal
}

func (r *Refusal) take(detail any) {
	switch d := detail.(type) {
	case *errdetails.ErrorInfo:
		r.Code, r.Decision = d.GetReason(), d.GetMetadata()["decision"]
	case *errdetails.RetryInfo:
		r.RetryAfter = d.GetRetryDelay().AsDuration()
	}
}
