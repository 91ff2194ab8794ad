package deploy

import (
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// board reads the dashboard strictly by Grafana's own schema: a member that it doesn't know is an error.
func board(t *testing.T) dashboard.Dashboard {
	t.Helper()
	text, err := os.ReadFile(root + "/deploy/grafana/whittle.json")
	if err != nil {
		t.Fatal(err)
	}
	plugins.RegisterDefaultPlugins()
	var d dashboard.Dashboard
	for _, err := range []error{d.UnmarshalJSONStrict(text), json.Unmarshal(text, &d), d.Validate()} {
		// What is found to be good is an error, too, of no problems, and leaves the panels out.
		if problems, ok := errors.AsType[cog.BuildErrors](err); err != nil && (!ok || len(problems) > 0) {
			t.Fatal(err)
		}
	}
	return d
}

func TestGrafanasSchemaTakesTheDashboard(t *testing.T) {
	d := board(t)
	names := map[string]bool{}
	type cell struct{ x, y uint32 }
	taken := map[cell]string{}
	for _, p := range d.Panels {
		at, title := dashboard.GridPos{}, ""
		switch {
		case p.RowPanel != nil:
			at, title = *p.RowPanel.GridPos, "row "+*p.RowPanel.Title
		case p.Panel != nil:
			at, title = *p.Panel.GridPos, *p.Panel.Title
			if len(p.Panel.Targets) == 0 {
				t.Errorf("%s shows nothing", title)
			}
		}
		if names[title] {
			t.Errorf("%s is there twice", title)
		}
		names[title] = true
		if at.X+at.W > 24 {
			t.Errorf("%s reaches beyond the right edge", title)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := taken[cell{x, y}]; other != "" {
					t.Fatalf("%s lies on %s", title, other)
				}
				taken[cell{x, y}] = title
			}
		}
	}
}

// query is an expression of the dashboard, and what its line is called.
type query struct{ expr, legend string }

// queries is each of them, by where it stands.
func queries(t *testing.T) map[string]query {
	t.Helper()
	all := map[string]query{}
	for _, p := range board(t).Panels {
		if p.Panel == nil {
			continue
		}
		for _, target := range p.Panel.Targets {
			q, ok := target.(*prometheus.Dataquery)
			if !ok || q.RefId == nil || q.LegendFormat == nil {
				t.Fatalf("%s asks %T, not Prometheus", *p.Panel.Title, target)
			}
			all[*p.Panel.Title+" "+*q.RefId] = query{q.Expr, *q.LegendFormat}
		}
	}
	return all
}
