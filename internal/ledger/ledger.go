// Package ledger remembers each secret and token that a run of the tests makes or is shown, in the file
// that WHITTLE_TEST_LEDGER names. tools/leaks then looks for them in all that the run printed. It is for
// what tests are made of, and does nothing without the variable.
package ledger

import (
	"fmt"
	"os"
	"testing"
)

// Variable names the file.
const Variable = "WHITTLE_TEST_LEDGER"

// On says whether the run keeps a ledger. Servers then log all that they can, to the run's output.
func On() bool { return os.Getenv(Variable) != "" }

// Note remembers secrets, one a line. A run that can't is no proof, so that fails the test.
func Note(tb testing.TB, secrets ...string) {
	tb.Helper()
	if !On() {
		return
	}
	file, err := os.OpenFile(os.Getenv(Variable), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // whoever runs the tests says where
	if err != nil {
		tb.Fatalf("the ledger: %v", err)
	}
	defer file.Close()
	for _, s := range secrets {
		if s == "" {
			continue
		}
		if _, err := fmt.Fprintln(file, s); err != nil {
			tb.Fatalf("the ledger: %v", err)
		}
	}
}
