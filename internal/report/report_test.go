package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/policy"
)

var updating = flag.Bool("update", false, "write the reports into testdata")

var kinds = []Kind{AccessReview, PrivilegedUse, Revocations, KeyRotation}

const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`

var (
	begin = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	end   = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
)

const document = `format: 1
scopes:
  data.read: { description: Read }
  data.write: { description: Change, risk: high, max_lifetime: 5m }
  data.purge: { description: Purge }
roles: { analyst: [data.read], editor: ["data.*"] }
issuers:
  corp: { url: https://id.example.com, audiences: [whittle], groups: claims.groups }
bindings:
  - { name: researchers, role: analyst, to: { issuer: corp, group: research } }
  - { name: Ana until the new year, role: editor, to: { issuer: corp, subject: ana }, expires: 2027-01-01T00:00:00Z }
  - { name: nobody, role: editor, to: { client: agent }, when: "true" }
clients:
  agent: { auth: client_secret, ceiling: ["data.*"] }
  ops: { auth: client_secret, may: [policy.apply, audit.read] }
resources:
  https://data.example.com: { accepts: ["data.*"], served_by: [ops] }
rules:
  - { name: agents, clients: [agent], subject: { issuer: corp }, resources: [https://data.example.com] }
`

// story is a log in which something of everything happens.
type story struct{ entries []Entry }

func (s *story) add(after time.Duration, e audit.Event) {
	e.Time = begin.Add(after)
	s.entries = append(s.entries, Entry{Index: uint64(10 + len(s.entries)), Event: e})
}

func person(role audit.Role, subject string, bindings ...string) []audit.Person {
	return []audit.Person{{Key: "k-" + subject, Role: role, Personal: audit.Personal{Issuer: "corp", Subject: subject, Bindings: bindings}}}
}

func grantOf(token, task string, lineage, scope []string) *audit.Granted {
	return &audit.Granted{Token: token, Task: task, Lineage: lineage, Scope: scope}
}

const hour = time.Hour

func told() Source {
	var s story
	s.add(-hour, audit.Event{Kind: audit.KindExchange, Outcome: audit.OutcomeGranted, Client: "agent", People: person(audit.RoleSubject, "early"), Granted: grantOf("t0", "k0", nil, []string{"data.write"})})
	s.add(hour, audit.Event{Kind: audit.KindExchange, Outcome: audit.OutcomeGranted, Client: "agent", Rule: "agents", People: person(audit.RoleSubject, "ana", "Ana until the new year", "researchers"), Granted: grantOf("t1", "k1", []string{"x1"}, []string{"data.read", "data.write"})})
	s.add(2*hour, audit.Event{Kind: audit.KindExchange, Outcome: audit.OutcomeGranted, Client: "agent", Rule: "agents", People: person(audit.RoleSubject, hostile, "researchers"), Granted: grantOf("t2", "k2", nil, []string{"data.read"})})
	s.add(3*hour, audit.Event{Kind: audit.KindExchange, Outcome: audit.OutcomeRefused, Client: "agent", Reason: "nothing_left", People: person(audit.RoleSubject, "ana"), Asked: &audit.Asked{Scope: []string{"data.write"}}})
	s.add(4*hour, audit.Event{Kind: audit.KindRefusals, Outcome: audit.OutcomeRefused, Client: "agent", Reason: "nothing_left", Counted: &audit.Counted{Count: 40}})
	s.add(5*hour, audit.Event{Kind: audit.KindUses, Outcome: audit.OutcomeDone, Client: "ops", Uses: &audit.Uses{Rows: []audit.Usage{
		{Token: "t1", Client: "agent", Scope: "data.write", Count: 7}, {Token: "t0", Client: "agent", Scope: "data.read", Count: 2},
		{Token: "t1", Client: "agent", Scope: "data.purge", Count: 3, Uncovered: true}, {Token: "t2", Client: "agent", Count: 5},
	}}})
	s.add(24*hour, audit.Event{Kind: audit.KindPolicy, Outcome: audit.OutcomeDone, Client: "ops", Change: &audit.Change{Action: "applied", Version: 2, Note: hostile}})
	s.add(25*hour, audit.Event{Kind: audit.KindRevocation, Outcome: audit.OutcomeDone, Client: "agent", Revoked: &audit.Revoked{Kind: "token", Selector: "t1", Seq: 1}})
	s.add(25*hour+300*time.Millisecond, audit.Event{Kind: audit.KindExchange, Outcome: audit.OutcomeRefused, Client: "agent", Reason: "not_alive", SubjectToken: &audit.Token{ID: "t1"}})
	s.add(26*hour, audit.Event{Kind: audit.KindRevocation, Outcome: audit.OutcomeDone, Client: "ops", People: person(audit.RoleSelector, "ana"), Revoked: &audit.Revoked{Kind: "subject", Block: true, Seq: 2}})
	s.add(27*hour, audit.Event{Kind: audit.KindExchange, Outcome: audit.OutcomeGranted, Rev: 1, Client: "agent", Rule: "agents", People: person(audit.RoleSubject, "ana"), Granted: grantOf("born-dead", "k3", nil, []string{"data.read"})})
	s.add(28*hour, audit.Event{Kind: audit.KindUnblock, Outcome: audit.OutcomeDone, Client: "ops", People: person(audit.RoleSelector, "ana"), Revoked: &audit.Revoked{Kind: "subject", Seq: 3}})
	s.add(29*hour, audit.Event{Kind: audit.KindExchange, Outcome: audit.OutcomeGranted, Rev: 3, Client: "agent", Rule: "agents", People: []audit.Person{{Key: "AbCdEfGhIjKl", Role: audit.RoleSubject, Erased: true}}, Granted: grantOf("t4", "k4", nil, []string{"data.purge"})})
	s.add(30*hour, audit.Event{Kind: audit.KindKey, Outcome: audit.OutcomeDone, Change: &audit.Change{Action: "added", ID: "kid-2", Alg: "ES256"}})
	s.add(31*hour, audit.Event{Kind: audit.KindCredential, Outcome: audit.OutcomeDone, Client: "ops", Change: &audit.Change{Action: "added", Client: "agent", ID: "s2"}})
	s.add(31*hour+time.Minute, audit.Event{Kind: audit.KindKey, Outcome: audit.OutcomeDone, Change: &audit.Change{Action: audit.ActionTookOver, Alg: "Ed25519", ID: "sts.example.com/log/00+00000000+AAAA"}})
	s.add(32*hour, audit.Event{Kind: audit.KindAdministration, Outcome: audit.OutcomeRefused, Client: "agent", Reason: "permission"})
	s.add(31*24*hour, audit.Event{Kind: audit.KindKey, Outcome: audit.OutcomeDone, Change: &audit.Change{Action: "revoked", ID: "late"}})
	compiled, err := policy.Compile([]byte(document), "policy", 2)
	if err != nil {
		panic(err)
	}
	overview, err := compiled.Overview()
	if err != nil {
		panic(err)
	}
	return Source{
		From: begin, To: end, Made: end.Add(hour), Server: "https://sts.example.com", First: 10, Read: uint64(len(s.entries)) + 2, Dropped: 2, Entries: s.entries,
		Checkpoint: Checkpoint{Origin: "sts.example.com/log/00", Size: 30, Root: strings.Repeat("ab", 32)}, Note: "sts.example.com/log/00\n30\nq6ur\n\n— sts.example.com/log/00 AAAA\n",
		Key: "sts.example.com/log/00+00000000+AAAA", Policy: overview, Version: 2, Privileged: []string{"data.purge"},
		Versions: []Version{{3, end.Add(hour), "ops", "later"}, {2, begin.Add(24 * hour), "ops", hostile}, {1, begin.Add(-hour), "bootstrap", "the first"}, {0, begin.Add(-48 * hour), "bootstrap", "before"}},
		Keys: []Key{
			{"kid-2", "ES256", "published", begin.Add(30 * hour), end.Add(24 * hour), time.Time{}},
			{"kid-1", "ES256", "signing", begin.Add(-30 * 24 * hour), begin.Add(-30 * 24 * hour), end.Add(24 * hour)},
		},
		LogKey: begin.Add(31 * hour),
		Secrets: []Secret{
			{"agent", "s1", begin.Add(-100 * 24 * hour), time.Time{}, end, false}, {"agent", "s2", begin.Add(31 * hour), time.Time{}, time.Time{}, false},
			{"ops", "s3", begin.Add(-200 * 24 * hour), begin, time.Time{}, false}, {"ops", "s4", begin.Add(-200 * 24 * hour), time.Time{}, time.Time{}, true},
		},
		MaxKeyAge: 31 * 24 * hour, MaxSecretAge: 90 * 24 * hour,
	}
}

func made(t *testing.T, kind Kind, s Source) *Report {
	t.Helper()
	r, ok := Make(kind, s)
	if !ok {
		t.Fatalf("no report %s", kind)
	}
	return r
}

func figures(r *Report) map[string]float64 {
	out := map[string]float64{}
	for _, f := range r.Figures {
		out[f.Name] = f.Value
	}
	return out
}

func TestFiguresOfAStory(t *testing.T) {
	for kind, want := range map[Kind]map[string]float64{
		AccessReview:  {"tokens granted": 4, "people and services": 3, "clients": 1, "refusals": 43, "bindings unused": 1, "clients idle": 1, "uses on record": 14, "uses not covered": 3},
		PrivilegedUse: {"privileged scopes": 2, "tokens with one": 2, "people and services": 2, "refused": 1, "operations": 6, "operations refused": 1, "uses on record": 10},
		Revocations:   {"revocations": 2, "blocks lifted": 1, "granted in spite of one": 0, "seen to act": 1},
		KeyRotation:   {"age of the signing key": 60 + 1./24, "keys overdue": 1, "age of the log's key": 28.75, "log keys replaced": 1, "secrets that work": 2, "secrets overdue": 1, "keys made": 1, "keys revoked": 0, "secrets changed": 1},
	} {
		got := figures(made(t, kind, told()))
		for name, n := range want {
			if got[name] != n {
				t.Errorf("%s: %s is %v, not %v", kind, name, got[name], n)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

// A token that was granted in spite of a revocation shows, whatever the revocation names.
func TestWhatSlippedThroughIsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		revoked audit.Revoked
		people  []audit.Person
		slipped uint64
	}{
		"its parent":                  {audit.Revoked{Kind: "token", Selector: "root"}, nil, 1},
		"its task":                    {audit.Revoked{Kind: "task", Selector: "task"}, nil, 1},
		"another task":                {audit.Revoked{Kind: "task", Selector: "other"}, nil, 0},
		"its client, blocked":         {audit.Revoked{Kind: "client", Selector: "agent", Block: true}, nil, 1},
		"its client, not blocked":     {audit.Revoked{Kind: "client", Selector: "agent"}, nil, 0},
		"its subject, blocked":        {audit.Revoked{Kind: "subject", Block: true}, person(audit.RoleSelector, "ana"), 1},
		"another's subject, blocked":  {audit.Revoked{Kind: "subject", Block: true}, person(audit.RoleSelector, "bob"), 0},
		"a later revocation's number": {audit.Revoked{Kind: "task", Selector: "task", Seq: 9}, nil, 0},
	} {
		s := told()
		revoked := c.revoked
		revoked.Seq = max(revoked.Seq, 5)
		s.Entries = []Entry{
			{1, audit.Event{Time: begin, Kind: audit.KindRevocation, Outcome: audit.OutcomeDone, People: c.people, Revoked: &revoked}},
			{2, audit.Event{Time: end.Add(hour), Kind: audit.KindExchange, Outcome: audit.OutcomeGranted, Rev: 5, Client: "agent", People: person(audit.RoleSubject, "ana"), Granted: grantOf("t", "task", []string{"root"}, nil)}},
		}
		r := made(t, Revocations, s)
		if got := figures(r)["granted in spite of one"]; got != float64(c.slipped) {
			t.Errorf("%s: %v, not %d", name, got, c.slipped)
		}
	}
}

// Each figure, plot and table says at which checkpoint.
func TestEverythingCarriesTheCheckpoint(t *testing.T) {
	for _, kind := range kinds {
		s := told()
		r := made(t, kind, s)
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		parts := len(r.Figures) + len(r.Plots) + len(r.Spans) + len(r.Tables)
		if n := bytes.Count(text, []byte(`"checkpoint":{"origin":"sts.example.com/log/00","size":30,"root":"abab`)); n != parts+1 {
			t.Errorf("%s: %d of %d", kind, n, parts+1)
		}
		var page strings.Builder
		if err := r.WriteHTML(&page); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(page.String(), "at 30 entries, root abababababab… of sts.example.com/log/00"); n != parts {
			t.Errorf("%s: the page names it %d times for %d", kind, n, parts)
		}
		if !strings.Contains(page.String(), s.Note[:20]) || !strings.Contains(page.String(), "Entries that retention dropped: 2.") || !strings.Contains(page.String(), "and who were erased: 1.") {
			t.Errorf("%s: the note, or what isn't counted, is missing", kind)
		}
	}
}

// Nothing that a log quotes is markup, and the page loads nothing.
func TestAPageIsInert(t *testing.T) {
	tag := regexp.MustCompile(`<(/?[a-zA-Z!][^\s>]*)`)
	allowed := strings.Fields("!doctype html head meta title style body h1 h2 p dl dt dd div b strong small span section svg line text rect table thead tbody tr th td pre code i")
	for _, kind := range kinds {
		s := told()
		s.Server, s.Note, s.Key = hostile, hostile, hostile
		s.Checkpoint.Origin = hostile
		s.Keys[0].ID, s.Keys[0].State, s.Secrets[0].Client = hostile, hostile, hostile
		for i := range s.Entries {
			e := &s.Entries[i]
			e.Client, e.Rule, e.Reason = hostile, hostile, hostile
			if e.Revoked != nil {
				e.Revoked.Kind, e.Revoked.Reason, e.Revoked.Selector = hostile, hostile, hostile
			}
			if e.Granted != nil {
				e.Granted.Scope = append(e.Granted.Scope, hostile)
			}
		}
		var page strings.Builder
		if err := made(t, kind, s).WriteHTML(&page); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(page.String(), "<script") || strings.Contains(page.String(), "<img") {
			t.Errorf("%s: markup came through", kind)
		}
		for _, found := range tag.FindAllStringSubmatch(page.String(), -1) {
			name := strings.TrimPrefix(found[1], "/")
			if !contains(allowed, name) {
				t.Errorf("%s: an element %s", kind, name)
			}
		}
		for _, loads := range []string{"url(", "@import", "href=", "src=x onerror=alert(2)>\""} {
			if strings.Contains(page.String(), loads) {
				t.Errorf("%s: %s", kind, loads)
			}
		}
		if !strings.Contains(page.String(), `content="default-src 'none'; style-src 'unsafe-inline'"`) {
			t.Errorf("%s: a browser isn't told to load nothing", kind)
		}
	}
}

func contains(all []string, one string) bool {
	for _, a := range all {
		if a == one {
			return true
		}
	}
	return false
}

func TestGolden(t *testing.T) {
	for _, kind := range kinds {
		r := made(t, kind, told())
		var page bytes.Buffer
		if err := r.WriteHTML(&page); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(r, jsontext.WithIndent(" "))
		if err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string][]byte{".html": page.Bytes(), ".json": append(text, '\n')} {
			file := filepath.Join("testdata", string(kind)+name)
			if *updating {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is another; look at what -update makes of it", file)
			}
		}
	}
}

func TestAReportOfNothing(t *testing.T) {
	for _, kind := range kinds {
		var page strings.Builder
		r := made(t, kind, Source{From: begin, To: end, Made: end})
		if err := r.WriteHTML(&page); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if strings.Contains(page.String(), "NaN") {
			t.Errorf("%s: a number that is none", kind)
		}
	}
	if _, ok := Make("other", Source{}); ok {
		t.Error("there is another")
	}
}
