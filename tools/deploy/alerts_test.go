package deploy

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"

	"github.com/prometheus/common/model"
)

const alertsFile = root + "/deploy/prometheus/whittle.rules.yaml"

// alerts reads the rules as Prometheus does.
func alerts(t *testing.T) (list []rulefmt.Rule) {
	t.Helper()
	groups, problems := rulefmt.ParseFile(alertsFile, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range problems {
		t.Error(err)
	}
	if len(problems) > 0 {
		t.FailNow()
	}
	for _, g := range groups.Groups {
		list = append(list, g.Rules...)
	}
	if len(list) == 0 {
		t.Fatal("no rules")
	}
	return list
}

// TestPrometheusTakesTheAlerts, and each says what people need: how bad it is, what is wrong, what follows.
func TestPrometheusTakesTheAlerts(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/how-to/watch.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range alerts(t) {
		if !strings.HasPrefix(a.Alert, "Whittle") || a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s%s: it doesn't say what it is about", a.Alert, a.Record)
		}
		if !slices.Contains([]string{"critical", "warning"}, a.Labels["severity"]) {
			t.Errorf("%s: severity %q", a.Alert, a.Labels["severity"])
		}
		if !strings.Contains(string(page), "`"+a.Alert+"`") {
			t.Errorf("%s: docs/how-to/watch.md doesn't say what to do", a.Alert)
		}
	}
}

// begin is when the series begin.
var begin = time.Unix(1_000_000_000, 0)

// calm is what a server shows that has nothing to complain of. The numbers are one for each minute.
var calm = []string{
	`up{job="whittle",instance="a"} 1x120`,
	`whittle_requests_total{job="whittle",instance="a",method="/oauth2/token",wire="oauth",code="ok"} 0+6000x120`,
	`whittle_requests_total{job="whittle",instance="a",method="/oauth2/token",wire="oauth",code="server_error"} 0+6x120`,
	`whittle_requests_total{job="whittle",instance="a",method="/oauth2/token",wire="oauth",code="invalid_client"} 0+4x120`,
	`whittle_request_seconds_bucket{job="whittle",instance="a",method="/oauth2/token",wire="oauth",le="0.005"} 0+6000x120`,
	`whittle_request_seconds_bucket{job="whittle",instance="a",method="/oauth2/token",wire="oauth",le="1"} 0+6010x120`,
	`whittle_request_seconds_bucket{job="whittle",instance="a",method="/oauth2/token",wire="oauth",le="+Inf"} 0+6010x120`,
	`whittle_request_seconds_bucket{job="whittle",instance="a",method="/oauth2/revoke",wire="oauth",le="0.025"} 0+10x120`,
	`whittle_request_seconds_bucket{job="whittle",instance="a",method="/oauth2/revoke",wire="oauth",le="1"} 0+10x120`,
	`whittle_request_seconds_bucket{job="whittle",instance="a",method="/oauth2/revoke",wire="oauth",le="+Inf"} 0+10x120`,
	`whittle_clock_doubted{job="whittle",instance="a"} 0x120`,
	`whittle_certificate_expiry_timestamp_seconds{job="whittle",instance="a"} 1002592000x120`,
	`whittle_disk_low{job="whittle",instance="a"} 0x120`,
	`whittle_disk_floor_bytes{job="whittle",instance="a"} 67108864x120`,
	`whittle_disk_free_bytes{job="whittle",instance="a",holds="database"} 10000000000x120`,
	`whittle_disk_free_bytes{job="whittle",instance="a",holds="anchor"} 10000000000x120`,
	`whittle_commit_failures_total{job="whittle",instance="a"} 3x120`,
	`whittle_refusals_total{job="whittle",instance="a",method="/oauth2/token",reason="nothing_left"} 0+1x120`,
	`whittle_refusals_total{job="whittle",instance="a",method="/oauth2/token",reason="ended"} 0+50x120`,
	`whittle_revocation_lag_seconds{job="whittle",instance="a"} 0x120`,
	`whittle_signing_key_timestamp_seconds{job="whittle",instance="a"} 1000000000x120`,
	`whittle_log_key_timestamp_seconds{job="whittle",instance="a"} 1000000000x120`,
	`whittle_checkpoint_lag_seconds{job="whittle",instance="a",signed_by="log"} 0.4x120`,
	`whittle_checkpoint_lag_seconds{job="whittle",instance="a",signed_by="witnesses"} 90x120`,
	`whittle_refusals_lost_total{job="whittle",instance="a"} 7x120`,
	`whittle_uses_lost_total{job="whittle",instance="a"} 2x120`,
	`whittle_uses_uncovered_total{job="whittle",instance="a"} 5x120`,
	`whittle_index_lag_seconds{job="whittle",instance="a"} 3x120`,
	`whittle_forward_lag_seconds{job="whittle",instance="a",to="webhook"} 100x120`,
}

// with is the calm, but for the series whose beginnings are named. A value stands for the rest of the line.
func with(changes map[string]string) string {
	load := "load 1m\n"
	for _, line := range calm {
		name, _, _ := strings.Cut(line, "} ")
		for begins, values := range changes {
			if metric, label, _ := strings.Cut(begins, " "); strings.HasPrefix(name, metric+"{") && strings.Contains(name, label) {
				line = name + "} " + values
			}
		}
		load += "  " + line + "\n"
	}
	return load
}

// TestEachAlertFiresWhenItShallAndNoSooner evaluates the rules as Prometheus does, minute by minute.
func TestEachAlertFiresWhenItShallAndNoSooner(t *testing.T) {
	type series map[string]string
	fires := map[string]series{
		"WhittleDown":            {"up": "1x30 0x90"},
		"WhittleFaults":          {"whittle_requests_total server_error": "0+120x120"},
		"WhittleSlow":            {`whittle_request_seconds_bucket /oauth2/token",wire="oauth",le="0.005"`: "0+3000x120"},
		"WhittleClockDoubted":    {"whittle_clock_doubted": "0x60 1x60"},
		"WhittleCertificateEnds": {"whittle_certificate_expiry_timestamp_seconds": "1001209600x120"},
		"WhittleDiskLow":         {"whittle_disk_low": "1x120"},
		"WhittleDiskLowSoon":     {"whittle_disk_free_bytes anchor": "536870911x120"},
		"WhittleCommitsFail":     {"whittle_commit_failures_total": "3x117 4x3"},
		"WhittleWideningRefused": {"whittle_refusals_total nothing_left": "0+3x120"},
		"WhittleStrangers":       {"whittle_requests_total invalid_client": "0+6x120"},
		"WhittleRevocationLag":   {"whittle_revocation_lag_seconds": "0x119 6"},
		"WhittleRevocationSlow":  {`whittle_request_seconds_bucket /oauth2/revoke",wire="oauth",le="0.025"`: "0+5x120"},
		"WhittleKeyOld":          {"whittle_signing_key_timestamp_seconds": "997235200x120"},
		"WhittleNoKey":           {"whittle_signing_key_timestamp_seconds": "0x120"},
		"WhittleLogKeyOld":       {"whittle_log_key_timestamp_seconds": "965440000x120"},
		"WhittleCheckpointLag":   {"whittle_checkpoint_lag_seconds log": "0x100 11x20"},
		"WhittleWitnessLag":      {"whittle_checkpoint_lag_seconds witnesses": "0x100 301x20"},
		"WhittleUsesLost":        {"whittle_uses_lost_total": "2x115 3x5"},
		"WhittleUsesUncovered":   {"whittle_uses_uncovered_total": "5x115 6x5"},
		"WhittleIndexLag":        {"whittle_index_lag_seconds": "0x100 61x20"},
		"WhittleForwardLag":      {"whittle_forward_lag_seconds": "0x100 301x20"},
		"WhittleRefusalsLost":    {"whittle_refusals_lost_total": "7x115 8x5"},
	}
	if got := firing(t, with(nil)); len(got) > 0 {
		t.Errorf("with nothing wrong: %v", got)
	}
	for _, a := range alerts(t) {
		if fires[a.Alert] == nil {
			t.Errorf("nobody knows when %s fires", a.Alert)
		}
	}
	for name, change := range fires {
		t.Run(name, func(t *testing.T) {
			if got := firing(t, with(change)); !slices.Equal(got, []string{name}) {
				t.Errorf("%v: %v", change, got)
			}
		})
	}
}

// firing is the alerts that fire after two hours of the series.
func firing(t *testing.T, load string) (names []string) {
	t.Helper()
	series, err := promqltest.NewLazyLoader(load, promqltest.LazyLoaderOpts{StartTime: begin})
	if err != nil {
		t.Fatalf("%v\n%s", err, load)
	}
	defer series.Close()
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:    rules.EngineQueryFunc(series.QueryEngine(), series.Storage()),
		AppendableV2: series.Storage(), Context: context.Background(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Logger: slog.New(slog.DiscardHandler),
		Parser: parser.NewParser(parser.Options{}),
	})
	groups, problems := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, alertsFile)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for minute := range 121 {
		at := begin.Add(time.Duration(minute) * time.Minute)
		series.WithSamplesTill(at, func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range groups {
				g.Eval(series.Context(), at)
			}
		})
	}
	for _, g := range groups {
		for _, r := range g.Rules() {
			if err := r.LastError(); err != nil {
				t.Errorf("%s: %v", r.Name(), err)
			}
			for _, active := range r.(*rules.AlertingRule).ActiveAlerts() {
				if active.State == rules.StateFiring {
					names = append(names, r.Name())
				}
			}
		}
	}
	return names
}
