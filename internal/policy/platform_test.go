package policy

import (
	"os"
	"testing"
)

func platform(t testing.TB) *Policy {
	t.Helper()
	source, err := os.ReadFile("testdata/platform.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(source, "platform.yaml", 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlatformCompiles(t *testing.T) { platform(t) }
