package fault

import (
	"context"
	"errors"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/policy"
)

// Domain is the domain of the ErrorInfo in each error; its reason is the OAuth code.
const Domain = "whittle"

// GRPC is the error as grpc-go sends it.
func GRPC(err error) error {
	fault, row, description := judge(err)
	var with []protoadapt.MessageV1
	for _, d := range details(fault) {
		with = append(with, protoadapt.MessageV1Of(d))
	}
	s, failed := grpcstatus.New(row.grpc, description).WithDetails(with...)
	if failed != nil {
		return grpcstatus.Error(row.grpc, description)
	}
	return s.Err()
}

// Connect is the error as Connect sends it, also over gRPC-Web.
func Connect(err error) error {
	fault, row, description := judge(err)
	out := connect.NewError(connect.Code(row.grpc), description)
	for _, d := range details(fault) {
		if detail, failed := connectproto.NewErrorDetail(d); failed == nil {
			out = out.WithDetail(detail)
		}
	}
	return out
}

func details(fault *engine.Error) []proto.Message {
	info := &errdetails.ErrorInfo{Reason: string(fault.Code), Domain: Domain}
	if fault.Decision != "" {
		info.Metadata = map[string]string{"decision": fault.Decision}
	}
	out := []proto.Message{info}
	if fault.RetryAfter > 0 {
		out = append(out, &errdetails.RetryInfo{RetryDelay: durationpb.New(fault.RetryAfter)})
	}
	if problems, ok := errors.AsType[*policy.Problems](error(fault)); ok {
		for _, p := range Problems(problems)[:min(maxProblems, len(problems.List()))] {
			out = append(out, p)
		}
	}
	return out
}

// maxProblems is how many problems of a policy an error carries: details travel in headers.
const maxProblems = 20

// Problems is what is wrong with a policy document, for its editor.
func Problems(problems *policy.Problems) []*whittlev1.PolicyProblem {
	var out []*whittlev1.PolicyProblem
	for _, p := range problems.List() {
		out = append(out, &whittlev1.PolicyProblem{Line: int32(p.Line), Column: int32(p.Column), Message: p.Message})
	}
	return out
}

// FromGRPC turns an error of grpc-go's own, met while a stream's request was read, into one of ours, as
// FromConnect does.
func FromGRPC(err error) error {
	switch grpcstatus.Code(err) {
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case codes.Canceled:
		return context.Canceled
	case codes.ResourceExhausted:
		return ErrTooLarge
	default:
		return Unreadable()
	}
}

// FromConnect turns an error of Connect's own, met while a message was read, into one of ours. Its
// text may quote the message, so nothing of it is kept but whether the message was too large.
func FromConnect(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	if connect.CodeOf(err) == connect.CodeResourceExhausted {
		return ErrTooLarge
	}
	return Unreadable()
}

// Unreadable is the answer to a message that can't be decoded.
func Unreadable() error {
	return engine.Refuse(engine.InvalidRequest, "unreadable", "the message can not be decoded")
}
