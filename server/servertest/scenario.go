package servertest

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// Scenario is a story in a YAML file: a policy, tokens of outside issuers, and steps with the answers
// that are expected. It is told over every wire and must go the same way. The files and what may
// stand in them: test/scenarios/README.md.
type Scenario struct {
	Policy  string             `yaml:"policy"` // name of a file in test/scenarios/policies
	Edit    []Edit             `yaml:"edit"`   // of the policy's text, before the story begins
	Outside map[string]Outside `yaml:"outside"`
	Steps   []Step             `yaml:"steps"`
}

// Edit replaces a part of the policy's text that must be there.
type Edit struct {
	Replace string `yaml:"replace"`
	With    string `yaml:"with"`
}

// Outside is a token of an outside issuer, or a text that is none.
type Outside struct {
	Issuer   string         `yaml:"issuer"`
	Subject  string         `yaml:"subject"`
	Audience string         `yaml:"audience"` // whittle if empty
	Claims   map[string]any `yaml:"claims"`
	Letters  int            `yaml:"letters"` // no token at all, but so many letters
	Expires  time.Duration  `yaml:"expires"` // from now, and may be in the past; an hour if zero
}

// Step is one request, or one change of the policy, with what should come of it.
type Step struct {
	Name              string  `yaml:"name"`
	Exchange          *Ask    `yaml:"exchange"`
	ClientCredentials *Ask    `yaml:"client_credentials"`
	Introspect        *About  `yaml:"introspect"`
	RevokeToken       *About  `yaml:"revoke_token"`
	Revoke            *Revoke `yaml:"revoke"`
	Uses              []Used  `yaml:"uses"` // all that the record says of uses, in any order
	Edit              []Edit  `yaml:"edit"` // and apply the policy
	Want              Want    `yaml:"want"`
}

// Ask asks for a token.
type Ask struct {
	As        string        `yaml:"as"`
	Subject   string        `yaml:"subject"` // a token's name, or text that is none
	Type      string        `yaml:"type"`    // jwt if Subject is an outside token, else access_token
	Actor     string        `yaml:"actor"`
	ActorType string        `yaml:"actor_type"`
	Requested string        `yaml:"requested"`
	Resource  []string      `yaml:"resource"`
	Audience  []string      `yaml:"audience"`
	Scope     []string      `yaml:"scope"`
	Lifetime  time.Duration `yaml:"lifetime"`
	Label     string        `yaml:"label"`
	Details   string        `yaml:"details"` // authorization_details
	Keep      string        `yaml:"keep"`    // the name of the new token
}

// About asks about a token.
type About struct {
	As    string `yaml:"as"`
	Token string `yaml:"token"`
	Hint  string `yaml:"hint"`
	Scope string `yaml:"scope"`  // that is exercised
	Does  string `yaml:"action"` // what is done
	UseID string `yaml:"use_id"`
	Look  bool   `yaml:"look"`
}

// Used is uses of one token by one resource server for one purpose.
type Used struct {
	By        string `yaml:"by"`
	Token     string `yaml:"token"`
	Scope     string `yaml:"scope"`
	Does      string `yaml:"action"`
	Uncovered bool   `yaml:"uncovered"`
	Count     uint64 `yaml:"count"`
	Each      bool   `yaml:"each"` // in an entry of its own
}

// Revoke revokes by selector, as the bootstrap client over gRPC. Value may be "task of NAME".
type Revoke struct {
	Kind  string `yaml:"kind"`
	Value string `yaml:"value"`
	Block bool   `yaml:"block"`
}

// Want is what is looked at in an answer; what isn't named isn't looked at, but an error that wasn't
// expected fails the step.
type Want struct {
	Error     string        `yaml:"error"`
	Says      string        `yaml:"says"` // is part of the error's description
	TokenType string        `yaml:"token_type"`
	Scope     []string      `yaml:"scope"`
	AtMost    time.Duration `yaml:"expires_in_at_most"`
	Active    *bool         `yaml:"active"`
	Sub       string        `yaml:"sub"`
	Aud       []string      `yaml:"aud"`
	ClientID  string        `yaml:"client_id"`
	Act       []string      `yaml:"act"` // the chain's subs, outermost first
	Depth     uint32        `yaml:"depth"`
	UsesLeft  *uint32       `yaml:"uses_left"`
}

// ReadScenario reads the file; unknown members are errors.
func ReadScenario(tb testing.TB, path string) *Scenario {
	tb.Helper()
	var s Scenario
	if err := yaml.Load([]byte(ReadFile(tb, path)), &s, yaml.WithKnownFields()); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	s.Policy = ReadFile(tb, filepath.Join(filepath.Dir(path), "policies", s.Policy+".yaml"))
	s.Policy = edit(tb, s.Policy, s.Edit)
	return &s
}

func edit(tb testing.TB, policy string, edits []Edit) string {
	tb.Helper()
	for _, e := range edits {
		if !strings.Contains(policy, e.Replace) {
			tb.Fatalf("the policy doesn't hold %q", e.Replace)
		}
		policy = strings.Replace(policy, e.Replace, e.With, 1)
	}
	return policy
}
