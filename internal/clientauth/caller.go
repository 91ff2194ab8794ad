package clientauth

import (
	"net/netip"
	"slices"

	"github.com/whittle-sts/whittle/internal/policy"
)

// Caller is an authenticated client, with what it may do besides exchanging and introspecting.
type Caller struct {
	ID         string
	Credential string // the id of what it proved itself with
	Origin     Origin
	may        []policy.Permission
}

// Origin is where a request came from. It is recorded, and never trusted for a decision.
type Origin struct {
	Wire   string         // grpc, connect, grpcweb or oauth
	Remote netip.AddrPort // the peer's address; zero if it has none
}

// From is the peer's address as the record has it; empty if it has none.
func (o Origin) From() string {
	if !o.Remote.IsValid() {
		return ""
	}
	return o.Remote.String()
}

// Can says whether the caller holds the permission.
func (c Caller) Can(p policy.Permission) bool { return slices.Contains(c.may, p) }
