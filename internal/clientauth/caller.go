package clientauth

import (
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
	Wire   string // grpc, connect, grpcweb or oauth
	Remote string // the peer's address
}

// Can says whether the caller holds the permission.
func (c Caller) Can(p policy.Permission) bool { return slices.Contains(c.may, p) }
