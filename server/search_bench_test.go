//go:build unix

package server_test

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
	"github.com/whittle-sts/whittle/store/sealed"
)

var (
	searchLogged = flag.Int("search.logged", 20_000, "entries that BenchmarkSearch writes through the log")
	searchMade   = flag.Int("search.made", 0, "entries that it puts into the store before those, without sealing what they say of people")
)

// BenchmarkSearch compares pages of the audit log, over gRPC and with all that production has on, with an empty rpc (a
// health check) on the same connection, and says what the index of such a log costs:
//
//	go test ./server -run - -bench Search -benchtime 1x -timeout 1h -search.logged 1000000
//	go test ./server -run - -bench Search -benchtime 1x -timeout 1h -search.logged 1000000 -search.made 9000000
func BenchmarkSearch(b *testing.B) {
	for b.Loop() {
		benchmarkSearch(b)
	}
}

func benchmarkSearch(b *testing.B) {
	var config server.Config
	w := servertest.Start(b, servertest.Options{
		Policy: servertest.ReadFile(b, "../test/scenarios/policies/platform.yaml"), Edit: func(c *server.Config) {
			c.DataDir = b.TempDir()
			c.Limits.Rates.Manage.PerSecond, c.Limits.Rates.Manage.Burst = 1_000_000, 1_000_000
			config = *c
		},
	})
	client := w.Client("ops-console")
	config.Issuer = w.Issuer()
	w.Stop()
	place, err := config.Place()
	if err != nil {
		b.Fatal(err)
	}
	fill(b, place)

	began := used()
	entries, err := folder.Reindex(context.Background(), place)
	if err != nil {
		b.Fatal(err)
	}
	file, err := os.Stat(place.Index())
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d entries; index: %.2f µs of CPU and %.1f bytes an entry", entries,
		float64((used()-began).Microseconds())/float64(entries), float64(file.Size())/float64(entries))

	w.Boot(config)
	defer w.Stop()
	for !metricIs(b, w, "whittle_index_entries_behind 0") {
		time.Sleep(100 * time.Millisecond)
	}
	measurePages(b, w, client)
}

func metricIs(b *testing.B, w *servertest.World, line string) bool {
	res, err := http.Get(w.AdminURL() + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return strings.Contains(string(text), "\n"+line+"\n")
}

func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// exchanged is an entry like those of exchanges.
func exchanged(i int) audit.Event {
	id := func(kind string, n int) string { return fmt.Sprintf("%s%018d", kind, n) }
	resource, scope := fmt.Sprintf("https://data-%d.example.com", i%23), fmt.Sprintf("ai.area%d.read", i%19)
	e := audit.Event{
		Kind: audit.KindExchange, Outcome: audit.OutcomeGranted, Client: fmt.Sprintf("agent-%d", i%47), Credential: "c1",
		From: "192.0.2.7", Wire: "grpc", Policy: uint64(i/100_000 + 1), Rev: 12, Rule: fmt.Sprintf("rule %d", i%11),
		People:       []audit.Person{{Role: audit.RoleSubject, Personal: audit.Personal{Issuer: "corp", Subject: fmt.Sprintf("00u%d", i%9973), Groups: []string{"research"}}}},
		Asked:        &audit.Asked{Lifetime: 600, Resource: []string{resource}, Scope: []string{scope}, SubjectTokenType: "urn:ietf:params:oauth:token-type:jwt"},
		SubjectToken: &audit.Token{Form: "jwt", ID: id("from", i/5), Issuer: "corp", Key: "corp/k1"},
		Granted: &audit.Granted{
			Audience: []string{resource}, Depth: 2, Expires: time.Now().Add(time.Hour), Form: "jwt", Key: "k7", Lineage: []string{id("from", i/5)},
			Reach: []audit.Reach{{Resource: resource, Scope: []string{scope}}}, Scope: []string{scope}, Task: id("task", i/5), Token: id("made", i),
		},
	}
	if i%50 == 0 {
		e.Outcome, e.Reason, e.Granted = audit.OutcomeRefused, "nothing_left", nil
	}
	return e
}

// fill writes the entries, as many as the flags say.
func fill(b *testing.B, place folder.Place) {
	ctx := context.Background()
	db, err := bolt.Open(bolt.Config{Path: place.Database()})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	kek, err := place.KEK.Load(ctx)
	if err != nil {
		b.Fatal(err)
	}
	vault, err := sealed.Open(ctx, db, kek, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	if *searchMade > 0 {
		put(b, vault, *searchMade)
	}
	log, err := audit.Open(audit.Config{Store: vault, Now: time.Now, Random: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	var next atomic.Int64
	var group sync.WaitGroup
	for range 256 {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < *searchLogged; i = int(next.Add(1)) - 1 {
				entry, err := log.Prepare(exchanged(*searchMade + i))
				if err == nil {
					_, err = log.Do(ctx, func(store.Tx) (audit.Entry, error) { return entry, nil })
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// made is the entry of the event as the log would write it, but for the person.
func made(i int, now time.Time) ([]byte, error) {
	e := exchanged(i)
	decision, err := audit.NewDecision(now, rand.Reader)
	at := now.UTC().Format("2006-01-02T15:04:05.000Z")
	granted := ""
	if g := e.Granted; g != nil {
		granted = fmt.Sprintf(`"granted":{"audience":[%q],"depth":2,"expires":%q,"form":"jwt","key":"k7","lineage":[%q],"reach":[{"resource":%q,"scope":[%q]}],`+
			`"scope":[%q],"task":%q,"token":%q},`, g.Audience[0], at, g.Lineage[0], g.Audience[0], g.Scope[0], g.Scope[0], g.Task, g.Token)
	}
	reason := ""
	if e.Reason != "" {
		reason = fmt.Sprintf(`"reason":%q,`, e.Reason)
	}
	return fmt.Appendf(nil, `{"asked":{"lifetime":600,"resource":[%q],"scope":[%q],"subject_token_type":%q},"client":%q,"credential":"c1","decision":%q,`+
		`"format":1,"from":"192.0.2.7",%s"kind":"exchange","outcome":%q,"people":[{"key":"AAAAAAAAAAAAAAAA%05dA","role":"subject","sealed":%q}],"policy":%d,`+
		`%s"rev":12,"rule":%q,"subject_token":{"form":"jwt","id":%q,"issuer":"corp","key":"corp/k1"},"time":%q,"wire":"grpc"}`,
		e.Asked.Resource[0], e.Asked.Scope[0], e.Asked.SubjectTokenType, e.Client, decision, granted, e.Outcome, i%9973, strings.Repeat("c2VhbGVk", 18),
		e.Policy, reason, e.Rule, e.SubjectToken.ID, at), err
}

// measurePages asks for pages, each time of another thing, and for nothing.
func measurePages(b *testing.B, w *servertest.World, client servertest.Client) {
	ctx := w.As(context.Background(), client)
	size := *searchMade + *searchLogged
	logged := func(i int) int { return *searchMade + i*7919%*searchLogged }
	health, log := grpc_health_v1.NewHealthClient(w.Conn), whittlev1.NewAuditServiceClient(w.Conn)
	empty := func(int) int {
		if _, err := health.Check(context.Background(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
			b.Fatal(err)
		}
		return 0
	}
	ask := func(page int32, newest bool, filter func(i int) *whittlev1.EntryFilter) func(int) int {
		return func(i int) int {
			res, err := log.ListEntries(ctx, &whittlev1.ListEntriesRequest{Filter: filter(i), PageSize: page, NewestFirst: newest})
			if err != nil {
				b.Fatal(err)
			}
			return len(res.GetEntries())
		}
	}
	quantiles(b, "nothing", nil, 2000, empty)
	nothing := quantiles(b, "nothing", nil, 5000, empty)
	for _, c := range []struct {
		name   string
		filter func(i int) *whittlev1.EntryFilter
	}{
		{"a task", func(i int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{Task: exchanged(logged(i)/5*5 + 1).Granted.Task}
		}},
		{"a task that isn't there", func(i int) *whittlev1.EntryFilter { return &whittlev1.EntryFilter{Task: fmt.Sprint("none", i)} }},
		{"a token", func(i int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{TokenId: exchanged(logged(i)/5*5 + 1).Granted.Token}
		}},
		{"a subject", func(i int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{Subject: fmt.Sprintf("corp:00u%d", i%9973)}
		}},
		{"a client", func(i int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{Client: fmt.Sprintf("agent-%d", i%47)}
		}},
		{"a kind", func(int) *whittlev1.EntryFilter { return &whittlev1.EntryFilter{Kind: "exchange"} }},
		{"client, refused", func(i int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{Client: fmt.Sprintf("agent-%d", i%47), Outcome: "refused"}
		}},
		{"client, resource, scope, rule", func(i int) *whittlev1.EntryFilter {
			e := exchanged(logged(i))
			return &whittlev1.EntryFilter{Client: e.Client, Resource: e.Asked.Resource[0], Scope: e.Asked.Scope[0], Rule: e.Rule}
		}},
		{"common, and none has both", func(int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{Outcome: "granted", Reason: "nothing_left"}
		}},
		{"subject, policy version", func(i int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{Subject: fmt.Sprintf("corp:00u%d", i%9973), PolicyVersion: uint64(size / 100_000)}
		}},
		{"client, the last hour", func(i int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{Client: fmt.Sprintf("agent-%d", i%47), After: timestamppb.New(time.Now().Add(-time.Hour))}
		}},
		{"all", func(int) *whittlev1.EntryFilter { return nil }},
	} {
		quantiles(b, c.name+", 20, newest first", nothing, 200, ask(20, true, c.filter))
		quantiles(b, c.name+", 100, newest first", nothing, 200, ask(100, true, c.filter))
		quantiles(b, c.name+", 100, oldest first", nothing, 200, ask(100, false, c.filter))
	}
	quantiles(b, "nothing, again", nothing, 5000, empty)
}

// quantiles says how long it takes at the least, in the middle and at p99, and how many times what it is compared with.
func quantiles(b *testing.B, name string, against []time.Duration, n int, do func(i int) int) []time.Duration {
	took, found := make([]time.Duration, n), 0
	for i := range took {
		began := time.Now()
		found += do(i)
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	of := []time.Duration{took[0], took[n/2], took[n*99/100]}
	line := fmt.Sprintf("%-50s found %5.1f", name, float64(found)/float64(n))
	for i, what := range []string{"min", "median", "p99"} {
		line += fmt.Sprintf("  %s %8v", what, of[i].Round(time.Microsecond))
		if against != nil {
			line += fmt.Sprintf(" (%5.1f)", float64(of[i])/float64(against[i]))
		}
	}
	b.Log(line)
	return of
}

// put appends entries to the store as the log does, but with a person whom nobody knows.
func put(b *testing.B, s store.Store, n int) {
	var edge *tree.Tree
	err := s.View(context.Background(), func(r store.Reader) error {
		meta, err := r.Meta()
		if err == nil {
			edge, err = tree.NewReader(r, meta.Size).Load(meta.Size)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i < n; {
		outcomes, err := s.Update(context.Background(), func(tx store.Tx) error {
			for end := min(n, i+20_000); i < end; i++ {
				now := time.Now()
				entry, err := made(i, now)
				if err != nil {
					return err
				}
				if _, err := tx.AppendEntry(entry, now); err != nil {
					return err
				}
				for _, tile := range edge.Append(tree.LeafHash(entry)) {
					if _, err := tx.AppendTile(tile); err != nil {
						return err
					}
				}
			}
			return tx.SetRoot(edge.Root())
		})
		if err != nil || outcomes[0] != nil {
			b.Fatal(err, outcomes)
		}
	}
}
