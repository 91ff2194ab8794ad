package deploy

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
)

// TestComposeTakesItsFile loads the file as Compose does: schema, variables, defaults and consistency.
func TestComposeTakesItsFile(t *testing.T) {
	options := func(env ...string) *cli.ProjectOptions {
		o, err := cli.NewProjectOptions([]string{root + "/deploy/compose.yaml"}, cli.WithEnv(env), cli.WithInterpolation(true), cli.WithResolvedPaths(true))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if _, err := options().LoadProject(context.Background()); err == nil {
		t.Error("it is taken without an issuer")
	}
	project, err := options("WHITTLE_ISSUER=https://sts.example.com").LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	s, err := project.GetService("whittle")
	if err != nil {
		t.Fatal(err)
	}
	if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Ulimits["core"].Single != 0 {
		t.Errorf("it may do more than it needs: %+v", s)
	}
	if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < drain(t) {
		t.Errorf("it is killed after %v, while it drains", s.StopGracePeriod)
	}
	var env []string
	for name, value := range s.Environment {
		env = append(env, name+"="+*value)
	}
	known(t, env)
}
