package policy

import (
	"crypto/sha256"
	"maps"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/internal/document"
	"github.com/whittle-sts/whittle/internal/scope"
)

// Policy is one version of the document, checked and ready to decide. It is never changed once
// compiled, and safe for concurrent use; what its methods point at isn't to be changed either.
type Policy struct {
	version   uint64
	source    []byte
	digest    [32]byte
	catalogue *scope.Catalogue
	limited   map[string]limits // only scopes that have limits
	eachUse   map[string]bool   // the scopes of which every use is an entry of its own
	roles     map[string]scope.Set
	issuers   map[string]*Issuer
	clients   map[string]*Client
	resources map[string]*Resource
	audiences map[string]*Resource // by identifier and by alias
	bindings  map[string]*binding
	holders   map[selector][]*binding // by who holds them
	rules     map[string]*rule
	ruled     ruleIndex
	grouped   map[selector]bool // the groups that some rule's subject names
}

// limits is what a scope's entry says of every token that can use it.
type limits struct {
	lifetime time.Duration // 0: none
	uses     uint32        // 0: none
}

// everyUse is what a scope's `audit` may say. Without it uses are counted, and the counts recorded.
const everyUse = "every_use"

// Problems is what is wrong with a document, line by line.
type Problems = document.Problems

// Compile parses, checks and compiles a document. The version is the number that the store gives
// it; 0 is one that isn't applied. The file names the document in problems. On failure the error
// is a [*Problems].
func Compile(source []byte, file string, version uint64) (*Policy, error) {
	problems := document.New(file, source)
	p := &Policy{
		version: version, source: slices.Clone(source), digest: sha256.Sum256(source),
		limited: map[string]limits{}, eachUse: map[string]bool{}, roles: map[string]scope.Set{}, issuers: map[string]*Issuer{},
		clients: map[string]*Client{}, resources: map[string]*Resource{}, audiences: map[string]*Resource{},
		bindings: map[string]*binding{}, holders: map[selector][]*binding{},
		rules: map[string]*rule{}, grouped: map[selector]bool{},
		ruled: ruleIndex{map[string][]*rule{}, map[selector][]*rule{}, map[string][]*rule{}},
	}
	switch root, ok := document.Load(source, problems); {
	case root != nil:
		c := &compiler{reader: reader{problems}, policy: p, patterns: map[string]scope.Set{}}
		c.document(root)
	case ok:
		problems.Add(1, 1, "the document is empty; begin with format: 1")
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// Empty is the policy before the first one was applied: nobody may do anything.
func Empty() (*Policy, error) {
	return Compile([]byte("format: 1\nscopes: {}\n"), "the empty policy", 0)
}

// Version is the number that the store gave the document; 0 if it isn't applied.
func (p *Policy) Version() uint64 { return p.version }

// Digest is the SHA-256 of the document as it was written.
func (p *Policy) Digest() [32]byte { return p.digest }

// Catalogue is all scopes that can be asked for.
func (p *Policy) Catalogue() *scope.Catalogue { return p.catalogue }

// EveryUse says whether each use of the scope has an entry of its own, durable before the resource server is
// answered.
func (p *Policy) EveryUse(name string) bool { return p.eachUse[name] }

// Client is the entry of the client with the id.
func (p *Policy) Client(id string) (*Client, bool) {
	c, ok := p.clients[id]
	return c, ok
}

// Clients lists the ids of all clients, sorted.
func (p *Policy) Clients() []string { return slices.Sorted(maps.Keys(p.clients)) }

// Administrators lists the clients that may apply a policy, sorted.
func (p *Policy) Administrators() []string {
	var ids []string
	for id, c := range p.clients {
		if c.Can(PolicyApply) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Issuers lists the outside issuers by name.
func (p *Policy) Issuers() []Issuer {
	out := make([]Issuer, 0, len(p.issuers))
	for _, name := range slices.Sorted(maps.Keys(p.issuers)) {
		out = append(out, *p.issuers[name])
	}
	return out
}

// Issuer is the outside issuer with the name.
func (p *Policy) Issuer(name string) (Issuer, bool) {
	i, ok := p.issuers[name]
	if !ok {
		return Issuer{}, false
	}
	return *i, true
}

// Resource is the resource with exactly this identifier (RFC 8707 section 2): no normalising, no
// prefixes.
func (p *Policy) Resource(id string) (*Resource, bool) {
	r, ok := p.resources[id]
	return r, ok
}

// Audience is the resource that the `audience` parameter means: by identifier or alias, exactly.
func (p *Policy) Audience(name string) (*Resource, bool) {
	r, ok := p.audiences[name]
	return r, ok
}

// Serves lists the identifiers of the resources that the client serves, sorted.
func (p *Policy) Serves(client string) []string {
	c, ok := p.clients[client]
	if !ok {
		return nil
	}
	return slices.Sorted(maps.Keys(c.serves))
}

// IsServer says whether the client serves the resource.
func (p *Policy) IsServer(client, resource string) bool {
	c, ok := p.clients[client]
	return ok && c.serves[resource]
}
