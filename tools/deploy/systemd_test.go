package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// worst is ten times the exposure that systemd-analyze may find. What is left is the network.
const worst = "12"

func unit(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(root + "/deploy/whittle.service")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// analyze runs systemd-analyze on the unit, whose command need not be installed here.
func analyze(t *testing.T, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI needs systemd-analyze, of Debian's package systemd")
		}
		t.Skip("the unit was NOT checked: there is no systemd-analyze here")
	}
	file := filepath.Join(t.TempDir(), "whittle.service")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(unit(t), "/usr/local/bin/whittle serve", "/bin/true serve")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", append(args, file)...).CombinedOutput()
	return string(out), err
}

func TestSystemdTakesTheUnit(t *testing.T) {
	if out, err := analyze(t, "verify", "--man=no"); err != nil || out != "" {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheUnitMayDoNoMoreThanItNeeds(t *testing.T) {
	if out, err := analyze(t, "security", "--no-pager", "--offline=true", "--threshold="+worst); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheUnitsSettingsAreKnownAndLeaveTimeToDrain(t *testing.T) {
	text := unit(t)
	known(t, regexp.MustCompile(`WHITTLE_[A-Z_]+=\S+`).FindAllString(text, -1))
	stop := regexp.MustCompile(`(?m)^TimeoutStopSec=(\S+)$`).FindStringSubmatch(text)
	if stop == nil {
		t.Fatal("it doesn't say when it is killed")
	}
	if d, err := time.ParseDuration(stop[1]); err != nil || d < drain(t) {
		t.Errorf("it is killed after %s, while it drains: %v", stop[1], err)
	}
}
