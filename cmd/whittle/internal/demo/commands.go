package demo

import (
	"fmt"
	"io"
	"text/template"
)

// commands is what can be pasted into another terminal while the demo goes on serving.
var commands = template.Must(template.New("commands").Parse(`
The server goes on. Paste these into another terminal; they are good for an hour (Ctrl-C here ends it).

# trade Ana's corporate token for five minutes of reading
TOKEN=$(curl -s -u research-agent:{{.Agent}} {{.URL}}/oauth2/token \
  -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
  -d subject_token_type=urn:ietf:params:oauth:token-type:jwt \
  -d subject_token={{.Corporate}} \
  -d resource=https://data.example.com -d scope=ai.training.read -d lifetime=300 \
  | sed 's/.*"access_token":"\([^"]*\)".*/\1/')

# is it good? over OAuth HTTP, Connect and gRPC
curl -s -u data-gateway:{{.Gateway}} {{.URL}}/oauth2/introspect -d token=$TOKEN; echo
curl -s -u data-gateway:{{.Gateway}} -H 'Content-Type: application/json' \
  {{.URL}}/whittle.v1.IntrospectionService/Introspect -d "{\"token\":\"$TOKEN\"}"; echo
grpcurl -plaintext -H "authorization: {{.Basic}}" -d "{\"token\":\"$TOKEN\"}" \
  {{.GRPC}} whittle.v1.IntrospectionService/Introspect

# gone at once: the agent revokes it, and it is inactive
curl -s -u research-agent:{{.Agent}} {{.URL}}/oauth2/revoke -d token=$TOKEN
curl -s -u data-gateway:{{.Gateway}} {{.URL}}/oauth2/introspect -d token=$TOKEN; echo
`))

func (p *platform) printCommands(out io.Writer) error {
	corporate, err := p.researcherToken()
	if err != nil {
		return err
	}
	err = commands.Execute(out, map[string]string{
		"URL": p.server.HTTPURL(), "GRPC": p.server.GRPCAddr(), "Corporate": corporate,
		"Agent": p.credentials["research-agent"], "Gateway": p.credentials["data-gateway"], "Basic": p.basic("data-gateway"),
	})
	if err != nil {
		return fmt.Errorf("printing the commands: %w", err)
	}
	return nil
}
