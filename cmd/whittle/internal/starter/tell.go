package starter

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"unicode"

	"github.com/whittle-sts/whittle/internal/token"
)

// Made is what a run made.
type Made struct {
	Options

	Bootstrap token.Secret // shown once
}

var told = template.Must(template.New("told").Parse(`Made in {{.Dir}}: whittle.yaml, policy.yaml, keys/, state/{{if .Issuer}}, dev/{{end}}

This credential is shown once and is good for a day. Profile "{{index .Profiles "bootstrap"}}" has it, so that the commands find it:
  client bootstrap
  secret {{.Secret}}
{{if .Issuer}}
FOR DEVELOPMENT: whoever reads dev/issuer.json is anybody to this server. Paste this:

cd {{.Quoted}}
{{- with .Path}}
export PATH={{.}}:"$PATH"
{{- end}}
whittle dev issuer > issuer.log 2>&1 &
whittle serve > serve.log 2>&1 &
whittle ready {{.Issuer}} {{.URL}}

# A person has a broad token from the identity provider, good for an hour.
export ANA=$(whittle dev token --subject ana --group research)

# Her agent trades it for five minutes of reading, at one resource.
export TOKEN=$(whittle token exchange --profile {{.Agent}} --subject-token-env ANA --subject-token-type jwt \
  --scope data.read --resource https://data.example.com --lifetime 5m)

# The resource server asks whether it is good.
whittle token introspect --profile {{.Gateway}} --token-env TOKEN

# The agent asks for more than it may ever hold. Why was it refused?
REFUSAL=$(whittle token exchange --profile {{.Agent}} --subject-token-env ANA --subject-token-type jwt \
  --scope data.write --resource https://data.example.com 2>&1)
echo "$REFUSAL"
whittle why {{with .Why}}{{.}} {{end}}"${REFUSAL##* }"

# The task is done: the agent gives the token back, and it is gone at once.
whittle token revoke --profile {{.Agent}} --token-env TOKEN
whittle token introspect --profile {{.Gateway}} --token-env TOKEN

kill %1 %2
{{else}}
Put your identity provider into policy.yaml, which the first start loads. Then, in {{.Dir}}:

whittle policy check policy.yaml
whittle serve

Before the day is over, let in somebody who stays: ops is in the policy, and may do what bootstrap
may, and see and erase what is held about people.

whittle client secret create ops{{with .Why}} {{.}}{{end}} | whittle profile add ops --client ops --url {{.URL}}
{{end}}`))

// Tell says what was made and what to do with it, and shows the bootstrap credential.
func (m Made) Tell(w io.Writer) error {
	names := m.profiles()
	why := ""
	if names["bootstrap"] != "default" {
		why = "--profile " + names["bootstrap"]
	}
	err := told.Execute(w, map[string]any{
		"Dir": m.Dir, "Quoted": quoted(m.Dir), "Issuer": m.Issuer, "URL": m.url(), "Secret": m.Bootstrap.Reveal(), "Path": path(),
		"Profiles": names, "Agent": names[agent], "Gateway": names[gateway], "Why": why,
	})
	if err != nil {
		return fmt.Errorf("telling what was made: %w", err)
	}
	return nil
}

// path is the folder that the shell needs to find this very command; empty if it does already.
func path() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	if found, err := exec.LookPath(filepath.Base(self)); err == nil {
		a, aErr := os.Stat(found)
		b, bErr := os.Stat(self)
		if aErr == nil && bErr == nil && os.SameFile(a, b) {
			return ""
		}
	}
	return quoted(filepath.Dir(self))
}

// quoted is the paths as a shell takes them.
func quoted(paths ...string) string {
	out := make([]string, 0, len(paths))
	for _, p := range paths {
		if strings.IndexFunc(p, special) >= 0 {
			p = "'" + strings.ReplaceAll(p, "'", `'\''`) + "'"
		}
		out = append(out, p)
	}
	return strings.Join(out, " ")
}

// special says whether a shell may read something into a character.
func special(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+:@", r)
}
