package server_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server/servertest"
)

// opens is what each permission opens, and nothing else does.
var opens = map[string][]string{
	"policy.read":    {"GetPolicy", "ValidatePolicy", "ListPolicies", "DiffPolicy"},
	"policy.apply":   {"GetPolicy", "ValidatePolicy", "ListPolicies", "DiffPolicy", "ApplyPolicy", "RollbackPolicy"},
	"client.manage":  {"CreateSecret", "RotateSecret", "ListClients", "DisableSecret", "EnableSecret", "DeleteSecret"},
	"key.manage":     {"ListKeys", "RotateKey", "RetireKey", "RevokeKey", "GetKeyEncryptionKey", "RotateKeyEncryptionKey", "RotateLogKey"},
	"revoke.any":     {"Revoke", "Unblock", "ListRevocations"},
	"audit.read":     {"ListEntries", "GetEntry", "Explain", "FollowEntries", "ExportEntries", "GetReceipt"},
	"state.backup":   {"Backup"},
	"privacy.manage": {"ErasePerson", "ExportPerson"},
	"token.look":     {lookOnly},
}

// lookOnly is no method of its own: it is Introspect, asked not to count a use.
const lookOnly = "Introspect, looking only"

// asked is what a method is called with.
func asked(method string) (called string, request proto.Message) {
	if method == lookOnly {
		return whittlev1.IntrospectionService_Introspect_FullMethodName, &whittlev1.IntrospectRequest{Token: "x", Look: true}
	}
	return method, &emptypb.Empty{}
}

// Each permission opens its methods and no other's.
func TestEachPermissionOpensItsOwn(t *testing.T) {
	var policy strings.Builder
	policy.WriteString("format: 1\nscopes: { data.read: {} }\nclients:\n  admin: { auth: client_secret, may: [policy.apply, client.manage] }\n")
	permissions := slices.Sorted(maps.Keys(opens))
	named := func(permission string) string { return "only-" + strings.ReplaceAll(permission, ".", "-") }
	for _, p := range permissions {
		policy.WriteString("  " + named(p) + ": { auth: client_secret, may: [" + p + "] }\n")
	}
	w := servertest.Start(t, servertest.Options{Policy: policy.String()})
	for _, method := range append(methods(), lookOnly) {
		called, request := asked(method)
		short := method[strings.LastIndex(method, "/")+1:]
		guarded := slices.ContainsFunc(permissions, func(p string) bool { return slices.Contains(opens[p], short) })
		for _, p := range permissions {
			ctx, cancel := context.WithCancel(w.As(context.Background(), w.Client(named(p))))
			stream, err := w.Conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, called)
			if err == nil {
				_ = stream.SendMsg(request)
				_ = stream.CloseSend()
				if short != "FollowEntries" || !slices.Contains(opens[p], short) { // which waits for what comes
					err = stream.RecvMsg(&emptypb.Empty{})
				}
			}
			cancel()
			denied := status.Code(err) == codes.PermissionDenied && strings.Contains(err.Error(), "needs the permission")
			if want := guarded && !slices.Contains(opens[p], short); denied != want {
				t.Errorf("%s with %s alone: %v", short, p, err)
			}
		}
	}
}
