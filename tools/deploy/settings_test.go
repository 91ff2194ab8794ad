package deploy

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// help is what serve says of its flags, with the environment variable and the default of each.
func help(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("go", "run", "./cmd/whittle", "serve", "--help")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// known fails for an environment variable that no setting has: nobody would be told that it does nothing.
func known(t *testing.T, env []string) {
	t.Helper()
	if len(env) == 0 {
		t.Fatal("no settings")
	}
	said := help(t)
	for _, pair := range env {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.Contains(said, "("+name+";") {
			t.Errorf("%s is no setting", name)
		}
	}
}

// drain is how long the server goes on after it was told to stop, by its defaults.
func drain(t *testing.T) (sum time.Duration) {
	t.Helper()
	said := help(t)
	for _, name := range []string{"WHITTLE_DRAIN_DELAY", "WHITTLE_DRAIN_TIME"} {
		found := regexp.MustCompile(name + `; default: ([0-9a-z]+)\)`).FindStringSubmatch(said)
		if found == nil {
			t.Fatalf("serve doesn't say the default of %s", name)
		}
		d, err := time.ParseDuration(found[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += d
	}
	return sum
}
