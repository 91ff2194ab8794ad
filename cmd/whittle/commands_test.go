package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
)

// each calls do for every command.
func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, c := range cmd.Commands() {
		each(c, do)
	}
}

// TestNoSecretIsAnArgument holds that secrets and tokens come from standard input, files and the
// environment: whoever lists processes sees arguments.
func TestNoSecretIsAnArgument(t *testing.T) {
	secret := regexp.MustCompile(`(?i)secret|token|password|credential|bearer|private`)
	place := regexp.MustCompile(`-(file|env|type|id)$|^(data|to)$`)
	setting := regexp.MustCompile(`^forward-webhook-secret$`) // a file or env:NAME, and the server takes nothing else
	harmless := regexp.MustCompile(`^(bool|int|duration)$`)   // types that no secret has
	flags := 0
	each(root(), func(cmd *cobra.Command) {
		_, arguments, _ := strings.Cut(cmd.Use, " ")
		if secret.MatchString(arguments) {
			t.Errorf("%s takes a secret as an argument", cmd.CommandPath())
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			flags++
			if secret.MatchString(f.Name) && !place.MatchString(f.Name) && !setting.MatchString(f.Name) && !harmless.MatchString(f.Value.Type()) {
				t.Errorf("%s --%s takes a secret: let it name a file or a variable", cmd.CommandPath(), f.Name)
			}
		})
	})
	if flags < 50 {
		t.Fatalf("looked at %d flags: where are the others?", flags)
	}
}

func TestEveryCommandSaysWhatItIs(t *testing.T) {
	each(root(), func(cmd *cobra.Command) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || cmd.Long == "" {
			t.Errorf("%s: a Short without a full stop, and a Long", cmd.CommandPath())
		}
		if !cmd.HasSubCommands() && cmd.Example == "" && cmd.Name() != "demo" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Long) {
			if len(strings.TrimRight(line, "\n")) > 120 {
				t.Errorf("%s: a line of its Long is wider than 120", cmd.CommandPath())
			}
		}
	})
}

func TestTheStatusSaysWhoseFaultItIs(t *testing.T) {
	t.Setenv("WHITTLE_CONFIG_DIR", t.TempDir())
	for line, want := range map[string]exit.Code{
		"version": exit.OK, "vrsn": exit.Usage, "version x": exit.Usage, "version --x": exit.Usage,
		"token": exit.Usage, "profile remove x": exit.No, "profile add": exit.Usage, "profile add x": exit.Usage,
		"key revoke -77lT5y": exit.Usage, "key revoke -- -77lT5y": exit.Usage, // the second for want of a credential
		"policy check -": exit.No, "policy check no-such-file": exit.Usage,
	} {
		cmd := root()
		var out bytes.Buffer
		cmd.SetArgs(strings.Fields(line))
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SetIn(strings.NewReader("format: 2"))
		if got := exit.Of(run(t.Context(), cmd), exit.Failed); got != want {
			t.Errorf("%s: %d, want %d\n%s", line, got, want, &out)
		}
		if strings.Contains(out.String(), "shorthand") != strings.Contains(out.String(), "goes behind --") {
			t.Errorf("%s: what to do?\n%s", line, &out)
		}
	}
}
