package rpc

import (
	"connectrpc.com/connect/v2"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/guard"
)

// Services is all services of the contract.
type Services struct{ engine *engine.Engine }

// New makes the services.
func New(e *engine.Engine) *Services { return &Services{e} }

// Descriptors lists what New serves, for the guard's table.
func Descriptors() []protoreflect.ServiceDescriptor {
	var out []protoreflect.ServiceDescriptor
	for _, file := range []protoreflect.FileDescriptor{
		whittlev1.File_whittle_v1_token_proto,
		whittlev1.File_whittle_v1_introspection_proto,
		whittlev1.File_whittle_v1_revocation_proto,
		whittlev1.File_whittle_v1_policy_proto,
		whittlev1.File_whittle_v1_client_proto,
		whittlev1.File_whittle_v1_key_proto,
		whittlev1.File_whittle_v1_audit_proto,
		whittlev1.File_whittle_v1_proof_proto,
		whittlev1.File_whittle_v1_backup_proto,
		whittlev1.File_whittle_v1_privacy_proto,
	} {
		for i := range file.Services().Len() {
			out = append(out, file.Services().Get(i))
		}
	}
	return out
}

// RegisterGRPC serves them over native gRPC, each method behind the guard.
func (s *Services) RegisterGRPC(r grpc.ServiceRegistrar, g *guard.Guard) error {
	for _, service := range []struct {
		desc    *grpc.ServiceDesc
		handler any
	}{
		{&whittlev1.TokenService_ServiceDesc, &tokens{engine: s.engine}},
		{&whittlev1.IntrospectionService_ServiceDesc, &introspections{engine: s.engine}},
		{&whittlev1.RevocationService_ServiceDesc, &revocations{engine: s.engine}},
		{&whittlev1.PolicyService_ServiceDesc, &policies{engine: s.engine}},
		{&whittlev1.ClientService_ServiceDesc, &clients{engine: s.engine}},
		{&whittlev1.KeyService_ServiceDesc, &keys{engine: s.engine}},
		{&whittlev1.AuditService_ServiceDesc, &entries{engine: s.engine}},
		{&whittlev1.ProofService_ServiceDesc, &proofs{engine: s.engine}},
		{&whittlev1.AuditFeedService_ServiceDesc, &feed{engine: s.engine}},
		{&whittlev1.BackupService_ServiceDesc, &backups{engine: s.engine}},
		{&whittlev1.PrivacyService_ServiceDesc, &privacy{engine: s.engine}},
		{&whittlev1.PersonExportService_ServiceDesc, &personExport{engine: s.engine}},
	} {
		guarded, err := g.Service(service.desc)
		if err != nil {
			return err
		}
		r.RegisterService(guarded, service.handler)
	}
	return nil
}

// RegisterConnect serves them over Connect and gRPC-Web, on a server whose interceptor is the guard.
func (s *Services) RegisterConnect(server *connect.Server) {
	whittlev1connect.RegisterTokenServiceHandler(server, &tokens{engine: s.engine})
	whittlev1connect.RegisterIntrospectionServiceHandler(server, &introspections{engine: s.engine})
	whittlev1connect.RegisterRevocationServiceHandler(server, &revocations{engine: s.engine})
	whittlev1connect.RegisterPolicyServiceHandler(server, &policies{engine: s.engine})
	whittlev1connect.RegisterClientServiceHandler(server, &clients{engine: s.engine})
	whittlev1connect.RegisterKeyServiceHandler(server, &keys{engine: s.engine})
	whittlev1connect.RegisterAuditServiceHandler(server, &entries{engine: s.engine})
	whittlev1connect.RegisterProofServiceHandler(server, &proofs{engine: s.engine})
	whittlev1connect.RegisterAuditFeedServiceHandler(server, &connectFeed{engine: s.engine})
	whittlev1connect.RegisterBackupServiceHandler(server, &connectBackups{engine: s.engine})
	whittlev1connect.RegisterPrivacyServiceHandler(server, &privacy{engine: s.engine})
	whittlev1connect.RegisterPersonExportServiceHandler(server, &connectPersonExport{engine: s.engine})
}

// What a list returns to whoever doesn't say how many.
const (
	defaultPage = 100
	entriesPage = 50 // an entry with its people is 1.3 kB
)

func page(size int32, otherwise int) int {
	if size <= 0 {
		return otherwise
	}
	return int(size)
}
