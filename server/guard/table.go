package guard

import (
	"fmt"
	"maps"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/policy"
)

// rule says what the guard asks of the callers of one method.
type rule struct {
	may   []policy.Permission // one of them suffices; none: any authenticated client
	class class
	kind  audit.Kind // of the entry when the guard refuses
}

// The OAuth endpoints, by their paths.
const (
	TokenPath      = "/oauth2/token"
	IntrospectPath = "/oauth2/introspect"
	RevokePath     = "/oauth2/revoke"
)

// rules is the table. It is an allow-list by full method name: what isn't in it is refused, also a
// path that only looks like one that is. The engine checks permissions again.
func rules() map[string]rule {
	type permissions = []policy.Permission
	readers := permissions{policy.PolicyRead, policy.PolicyApply}
	exchange := rule{class: mint, kind: audit.KindExchange}
	introspect := rule{class: look, kind: audit.KindUse}
	revoke := rule{class: mint, kind: audit.KindRevocation}
	revokeAny := rule{may: permissions{policy.RevokeAny}, class: manage, kind: audit.KindAdministration}
	apply := rule{permissions{policy.PolicyApply}, manage, audit.KindAdministration}
	manageClients := rule{permissions{policy.ClientManage}, manage, audit.KindAdministration}
	manageKeys := rule{permissions{policy.KeyManage}, manage, audit.KindAdministration}
	managePeople := rule{permissions{policy.PrivacyManage}, manage, audit.KindAdministration}
	out := map[string]rule{
		TokenPath:      exchange,
		IntrospectPath: introspect,
		RevokePath:     revoke,

		"/whittle.v1.TokenService/Exchange":          exchange,
		"/whittle.v1.TokenService/ClientCredentials": {class: mint, kind: audit.KindClientCredentials},

		"/whittle.v1.IntrospectionService/Introspect":      introspect,
		"/whittle.v1.IntrospectionService/BatchIntrospect": introspect,

		"/whittle.v1.RevocationService/RevokeToken":     revoke,
		"/whittle.v1.RevocationService/Revoke":          revokeAny,
		"/whittle.v1.RevocationService/Unblock":         revokeAny,
		"/whittle.v1.RevocationService/ListRevocations": revokeAny,

		"/whittle.v1.PolicyService/GetPolicy":      {readers, manage, audit.KindAdministration},
		"/whittle.v1.PolicyService/ValidatePolicy": {readers, manage, audit.KindAdministration},
		"/whittle.v1.PolicyService/ApplyPolicy":    apply,
		"/whittle.v1.PolicyService/ListPolicies":   {readers, manage, audit.KindAdministration},
		"/whittle.v1.PolicyService/DiffPolicy":     {readers, manage, audit.KindAdministration},
		"/whittle.v1.PolicyService/RollbackPolicy": apply,

		"/whittle.v1.ClientService/CreateSecret":  manageClients,
		"/whittle.v1.ClientService/RotateSecret":  manageClients,
		"/whittle.v1.ClientService/ListClients":   manageClients,
		"/whittle.v1.ClientService/DisableSecret": manageClients,
		"/whittle.v1.ClientService/EnableSecret":  manageClients,
		"/whittle.v1.ClientService/DeleteSecret":  manageClients,

		"/whittle.v1.KeyService/ListKeys":               manageKeys,
		"/whittle.v1.KeyService/RotateKey":              manageKeys,
		"/whittle.v1.KeyService/RetireKey":              manageKeys,
		"/whittle.v1.KeyService/RevokeKey":              manageKeys,
		"/whittle.v1.KeyService/GetKeyEncryptionKey":    manageKeys,
		"/whittle.v1.KeyService/RotateKeyEncryptionKey": manageKeys,
		"/whittle.v1.KeyService/RotateLogKey":           manageKeys,

		"/whittle.v1.PrivacyService/ErasePerson":       managePeople,
		"/whittle.v1.PersonExportService/ExportPerson": managePeople,

		"/whittle.v1.BackupService/Backup": {permissions{policy.StateBackup}, manage, audit.KindAdministration},
	}
	maps.Copy(out, logRules())
	return out
}

// logRules is the part of the table about the audit log.
func logRules() map[string]rule {
	readLog := rule{[]policy.Permission{policy.AuditRead}, manage, audit.KindAdministration}
	prove := rule{class: manage, kind: audit.KindAdministration}
	return map[string]rule{
		"/whittle.v1.ProofService/GetCheckpoint":       prove,
		"/whittle.v1.ProofService/GetInclusionProof":   prove,
		"/whittle.v1.ProofService/GetConsistencyProof": prove,
		"/whittle.v1.ProofService/GetReceipt":          prove, // the engine asks whose entry it is

		"/whittle.v1.AuditService/ListEntries": readLog,
		"/whittle.v1.AuditService/GetEntry":    readLog,
		"/whittle.v1.AuditService/Explain":     readLog,

		"/whittle.v1.AuditFeedService/FollowEntries": readLog,
		"/whittle.v1.AuditFeedService/ExportEntries": readLog,
	}
}

// methodsOf lists the full names of the services' methods, as the wires spell them, and says of each
// whether it answers with many messages. Requests of many messages are not for this guard.
func methodsOf(services []protoreflect.ServiceDescriptor) (map[string]bool, error) {
	out := make(map[string]bool)
	for _, s := range services {
		for i := range s.Methods().Len() {
			m := s.Methods().Get(i)
			name := fmt.Sprintf("/%s/%s", s.FullName(), m.Name())
			if m.IsStreamingClient() {
				return nil, fmt.Errorf("guard: %s takes a stream, which nothing guards", name)
			}
			out[name] = m.IsStreamingServer()
		}
	}
	return out, nil
}

// complete says which method has no entry, and which entry has no method.
func complete(table map[string]rule, methods map[string]bool) error {
	for name := range methods {
		if _, ok := table[name]; !ok {
			return fmt.Errorf("guard: no entry in the table for %s", name)
		}
	}
	for name := range table {
		if _, registered := methods[name]; !registered && !strings.HasPrefix(name, "/oauth2/") {
			return fmt.Errorf("guard: the table has an entry for %s, which no service has", name)
		}
	}
	return nil
}
