package rpc

import (
	"context"

	"google.golang.org/grpc"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
)

// privacy is PrivacyService.
type privacy struct {
	whittlev1.UnsafePrivacyServiceServer

	engine *engine.Engine
}

// ErasePerson implements the rpc.
func (s *privacy) ErasePerson(ctx context.Context, m *whittlev1.ErasePersonRequest) (*whittlev1.ErasePersonResponse, error) {
	done, err := s.engine.ErasePerson(ctx, caller.Of(ctx), m.GetSubject())
	if err != nil {
		return nil, err
	}
	out := &whittlev1.ErasePersonResponse{Key: string(done.Key), Entry: done.Entry, Traces: done.Traces}
	for _, r := range done.Revocations {
		out.Revocations = append(out.Revocations, toRevocation(r))
	}
	for _, mention := range done.Mentions {
		out.Mentions = append(out.Mentions, toMention(mention))
	}
	return out, nil
}

// personExport is PersonExportService for gRPC.
type personExport struct {
	whittlev1.UnsafePersonExportServiceServer

	engine *engine.Engine
}

// ExportPerson implements the rpc.
func (s *personExport) ExportPerson(m *whittlev1.ExportPersonRequest,
	stream grpc.ServerStreamingServer[whittlev1.ExportPersonResponse]) error {
	return exportPerson(stream.Context(), s.engine, m, stream.Send)
}

// connectPersonExport is the same for Connect and gRPC-Web.
type connectPersonExport struct{ engine *engine.Engine }

// ExportPerson implements the rpc.
func (s *connectPersonExport) ExportPerson(ctx context.Context, m *whittlev1.ExportPersonRequest,
	stream whittlev1connect.PersonExportServiceExportPersonServerStream) error {
	return exportPerson(ctx, s.engine, m, stream.Send)
}

func exportPerson(ctx context.Context, e *engine.Engine, m *whittlev1.ExportPersonRequest,
	send func(*whittlev1.ExportPersonResponse) error) error {
	return e.ExportPerson(ctx, caller.Of(ctx), m.GetSubject(), func(item engine.PersonItem) error {
		out, err := toPersonItem(item)
		if err != nil {
			return err
		}
		return send(out)
	})
}

func toPersonItem(item engine.PersonItem) (*whittlev1.ExportPersonResponse, error) {
	switch {
	case item.Held != nil:
		return &whittlev1.ExportPersonResponse{Item: &whittlev1.ExportPersonResponse_Person{
			Person: &whittlev1.HeldPerson{Key: string(item.Held.Key), Since: toTime(item.Held.Since)},
		}}, nil
	case item.Mention != nil:
		return &whittlev1.ExportPersonResponse{Item: &whittlev1.ExportPersonResponse_Mention{Mention: toMention(*item.Mention)}}, nil
	case item.Revocation != nil:
		return &whittlev1.ExportPersonResponse{Item: &whittlev1.ExportPersonResponse_Revocation{Revocation: toRevocation(*item.Revocation)}}, nil
	}
	entry, err := toPersonEntry(item.Entry)
	return &whittlev1.ExportPersonResponse{Item: &whittlev1.ExportPersonResponse_Entry{Entry: entry}}, err
}

func toPersonEntry(e *engine.PersonEntry) (*whittlev1.PersonEntry, error) {
	out := &whittlev1.PersonEntry{Entry: toEntry(e.Entry)}
	out.Entry.People = nil
	for i := range e.About {
		fields, err := toPersonalFields(&e.About[i])
		if err != nil {
			return nil, err
		}
		out.About = append(out.About, fields)
	}
	return out, nil
}

func toPersonalFields(p *audit.Person) (*whittlev1.PersonalFields, error) {
	attributes, err := p.AttributesText()
	return &whittlev1.PersonalFields{
		Role: string(p.Role), Issuer: p.Issuer, Subject: p.Subject, Groups: p.Groups, Attributes: attributes,
		Bindings: p.Bindings, TaskLabel: p.Label, Reason: p.Reason, Detail: p.Detail,
	}, err
}

func toMention(m engine.PolicyMention) *whittlev1.PolicyMention {
	return &whittlev1.PolicyMention{FirstVersion: m.First, LastVersion: m.Last, Line: int32(m.Line), Text: m.Text}
}
