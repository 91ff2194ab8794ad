package process

import (
	"net/url"
	"strings"
	"testing"
)

const jobs = "https://jobs.example.com"

// policy is the first of the two policies between which the tests change; the other one has no guest.
const policy = `format: 1
scopes:
  job.read: { description: Read a job }
  job.run:  { description: Run a job, max_uses: 3, max_lifetime: 10m }
roles:
  worker: [job.read, job.run]
bindings:
  - { name: the worker, role: worker, to: { client: worker } }
clients:
  worker: { auth: client_secret, ceiling: [job.read, job.run] }
  gate:   { auth: client_secret }
  door:   { auth: client_secret }
  guest:  { auth: client_secret }
  ops:    { auth: client_secret, may: [policy.apply, revoke.any, audit.read, client.manage, state.backup] }
resources:
  ` + jobs + `: { accepts: [job.read, job.run], served_by: [gate] }
rules:
  - name: the worker asks for itself
    clients: [worker]
    subject: { client: worker }
    resources: [` + jobs + `]
    max_lifetime: 1h
    max_task_lifetime: 8h
    max_depth: 3
`

func withoutGuest() string {
	return strings.Replace(policy, "  guest:  { auth: client_secret }\n", "", 1)
}

// What the worker asks for.
var (
	taskToken = url.Values{"grant_type": {"client_credentials"}, "scope": {"job.read"}}
	readToken = url.Values{"grant_type": {"client_credentials"}, "scope": {"job.read"}, "resource": {jobs}}
	runToken  = url.Values{"grant_type": {"client_credentials"}, "scope": {"job.run"}, "resource": {jobs}}
)

func childOf(text string) url.Values {
	return url.Values{
		"grant_type":    {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token": {text}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"scope": {"job.read"}, "resource": {jobs},
	}
}

// apply makes the policy the current one, and says which version that is.
func apply(c *client, yaml string, expected uint64) (uint64, error) {
	var out struct {
		Version uint64 `json:"version,string"`
	}
	err := c.rpc("PolicyService/ApplyPolicy", map[string]any{"yaml": yaml, "expectedVersion": expected}, &out)
	return out.Version, err
}

func version(c *client) (uint64, error) {
	var out struct {
		Version uint64 `json:"version,string"`
	}
	err := c.rpc("PolicyService/GetPolicy", map[string]any{}, &out)
	return out.Version, err
}

func makeSecret(c *client, of string) (string, error) {
	var out struct{ Secret string }
	err := c.rpc("ClientService/CreateSecret", map[string]any{"client": of}, &out)
	return out.Secret, err
}

// staff is the secrets of a world's clients.
type staff map[string]string

func (s staff) as(p *process, id string) *client { return newClient(p.url, id, s[id]) }

// found starts a server in an empty folder, applies the policy and makes secrets.
func found(t testing.TB, data string, args ...string) (*process, staff) {
	t.Helper()
	p := start(t, data, true, args...)
	boot := newClient(p.url, "bootstrap", p.secret)
	if _, err := apply(boot, policy, 0); err != nil {
		t.Fatal(err)
	}
	s := staff{"bootstrap": p.secret}
	for _, id := range []string{"worker", "gate", "ops"} {
		secret, err := makeSecret(boot, id)
		if err != nil {
			t.Fatal(err)
		}
		s[id] = secret
	}
	return p, s
}
