package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/ledger"
)

// TestAnErrorDoesNotRepeatASecret holds that a token or secret that was written in the wrong place is not
// in what the command says about it.
func TestAnErrorDoesNotRepeatASecret(t *testing.T) {
	t.Setenv("WHITTLE_CONFIG_DIR", t.TempDir())
	for _, secret := range []string{
		"ws_Q0V7Iupzrm2ZEqxwnsCchNUVcMXNIAW5oj1KHbXOa-c",
		"wt_Q0V7Iupzrm2ZEqxwnsCchNUVcMXNIAW5oj1KHbXOa-c12345",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbmEifQ.HevFY692hmULOhSrzf7Lin2tyHk08PjcEFAMW5k_ijtb",
	} {
		ledger.Note(t, secret)
		for _, args := range [][]string{
			{secret},
			{"token", secret},
			{"token", "introspect", secret},
			{"token", "introspect", "--token-file", secret},
			{"profile", "add", "ops", "--url", "http://127.0.0.1:1", "--client", "ops", "--secret-file", secret},
		} {
			t.Run(strings.Join(args[:len(args)-1], " "), func(t *testing.T) {
				t.Setenv("WHITTLE_URL", "http://127.0.0.1:1")
				t.Setenv("WHITTLE_CLIENT_ID", "ops")
				t.Setenv("WHITTLE_CLIENT_SECRET", "x")
				says(t, secret, args...)
			})
		}
		t.Run("WHITTLE_CLIENT_SECRET_FILE", func(t *testing.T) {
			t.Setenv("WHITTLE_URL", "http://127.0.0.1:1")
			t.Setenv("WHITTLE_CLIENT_ID", "ops")
			t.Setenv("WHITTLE_CLIENT_SECRET_FILE", secret)
			says(t, secret, "policy", "show")
		})
	}
}

// says runs a command that fails, and holds that it says what to do without the secret.
func says(t *testing.T, secret string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	if run(context.Background(), cmd) == nil {
		t.Error("it took that for the name of something")
	}
	if said := out.String(); strings.Contains(said, secret) || !strings.Contains(said, "pipe it in, or name a file or variable") {
		t.Errorf("it said %q", strings.ReplaceAll(said, secret, "THE SECRET"))
	}
}
