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
	"runtime"
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
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
	"github.com/whittle-sts/whittle/store/sealed"
)

var (
	searchLogged = flag.Int("search.logged", 20_000, "entries that BenchmarkSearch writes through the log")
	searchPages  = flag.Int("search.pages", 1000, "pages that it asks for of each query")
)

// BenchmarkSearch compares pages of the audit log, over gRPC and with all that production has on, with an empty rpc (a
// health check) on the same connection, and says what the index of such a log costs. Ten million entries take five
// minutes and 20 GB of disk below TMPDIR:
//
//	go test ./server -run - -bench Search -benchtime 1x -timeout 2h -v -search.logged 1000000
//	go test ./server -run - -bench Search -benchtime 1x -timeout 2h -v -search.logged 10000000
func BenchmarkSearch(b *testing.B) {
	defer server.SettleMemory()() // as serve does
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
	config.Issuer = w.HTTPURL()
	w.Stop()
	place, err := config.Place()
	if err != nil {
		b.Fatal(err)
	}
	fill(b, place)

	beganAt, began := time.Now(), used()
	entries, err := folder.Reindex(context.Background(), place)
	if err != nil {
		b.Fatal(err)
	}
	file, err := os.Stat(place.Index())
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d entries; index: %.2f µs of CPU and %.1f bytes an entry, in %v", entries,
		float64((used()-began).Microseconds())/float64(entries), float64(file.Size())/float64(entries), time.Since(beganAt).Round(time.Second))

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

// fill writes as many entries as the flag says.
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
	log, err := audit.Open(audit.Config{Store: vault, Now: time.Now, Random: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	began := time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	for range 256 {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < *searchLogged; i = int(next.Add(1)) - 1 {
				entry, err := log.Prepare(exchanged(i))
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
	b.Logf("written in %v", time.Since(began).Round(time.Second))
}

// query is one thing to look for, each time of another client or person.
type query struct {
	name   string
	filter func(i int) *whittlev1.EntryFilter
}

func queries() []query {
	at := func(i int) int { return i * 7919 % *searchLogged }
	granted := func(i int) *audit.Granted { return exchanged(at(i)/5*5 + 1).Granted }
	client := func(i int) string { return fmt.Sprintf("agent-%d", i%47) }
	subject := func(i int) string { return fmt.Sprintf("corp:00u%d", i%9973) }
	return []query{
		{"a task", func(i int) *whittlev1.EntryFilter { return &whittlev1.EntryFilter{Task: granted(i).Task} }},
		{"a task that isn't there", func(i int) *whittlev1.EntryFilter { return &whittlev1.EntryFilter{Task: fmt.Sprint("none", i)} }},
		{"a token", func(i int) *whittlev1.EntryFilter { return &whittlev1.EntryFilter{TokenId: granted(i).Token} }},
		{"a subject", func(i int) *whittlev1.EntryFilter { return &whittlev1.EntryFilter{Subject: subject(i)} }},
		{"a client", func(i int) *whittlev1.EntryFilter { return &whittlev1.EntryFilter{Client: client(i)} }},
		{"a kind", func(int) *whittlev1.EntryFilter { return &whittlev1.EntryFilter{Kind: "exchange"} }},
		{"client, refused", func(i int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{Client: client(i), Outcome: "refused"}
		}},
		{"client, resource, scope, rule", func(i int) *whittlev1.EntryFilter {
			e := exchanged(at(i))
			return &whittlev1.EntryFilter{Client: e.Client, Resource: e.Asked.Resource[0], Scope: e.Asked.Scope[0], Rule: e.Rule}
		}},
		{"common, and none has both", func(int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{Outcome: "granted", Reason: "nothing_left"}
		}},
		{"subject, policy version", func(i int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{Subject: subject(i), PolicyVersion: uint64(*searchLogged / 100_000)}
		}},
		{"client, the last hour", func(i int) *whittlev1.EntryFilter {
			return &whittlev1.EntryFilter{Client: client(i), After: timestamppb.New(time.Now().Add(-time.Hour))}
		}},
		{"all", func(int) *whittlev1.EntryFilter { return nil }},
	}
}

// measurePages asks for pages, each time of another thing, and for nothing: before each query, on the same connection
// and over the whole run, but never between pages, whose garbage would then make nothing slower than it is.
func measurePages(b *testing.B, w *servertest.World, client servertest.Client) {
	ctx := w.As(context.Background(), client)
	health, log := grpc_health_v1.NewHealthClient(w.Conn), whittlev1.NewAuditServiceClient(w.Conn)
	empty := func(int) int {
		if _, err := health.Check(context.Background(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
			b.Fatal(err)
		}
		return 0
	}
	var nothing latencies
	nothing.measure(*searchPages, empty) // until it is warm
	nothing = latencies{name: "nothing"}
	var pages []*latencies
	for _, q := range queries() {
		for _, order := range []struct {
			name   string
			size   int32
			newest bool
		}{{"a page, newest first", 0, true}, {"a page, oldest first", 0, false}, {"100, newest first", 100, true}} {
			nothing.measure(*searchPages/2, empty)
			page := &latencies{name: q.name + ", " + order.name}
			page.measure(*searchPages, func(i int) int {
				res, err := log.ListEntries(ctx, &whittlev1.ListEntriesRequest{Filter: q.filter(i), PageSize: order.size, NewestFirst: order.newest})
				if err != nil {
					b.Fatal(err)
				}
				return len(res.GetEntries())
			})
			pages = append(pages, page)
		}
	}
	b.Logf("%-50s %6s %10s %10s %8s %8s", "", "found", "median", "p99", "median ×", "p99 ×")
	for _, l := range append([]*latencies{&nothing}, pages...) {
		b.Log(l.line(&nothing))
	}
}

// latencies is how long one request took, again and again.
type latencies struct {
	name  string
	took  []time.Duration
	found int
}

func (l *latencies) measure(n int, do func(i int) int) {
	runtime.GC() // what was left behind before isn't its own
	for i := range n {
		began := time.Now()
		l.found += do(i)
		l.took = append(l.took, time.Since(began))
	}
}

func (l *latencies) at(percent int) time.Duration {
	slices.Sort(l.took)
	return l.took[len(l.took)*percent/100]
}

func (l *latencies) line(against *latencies) string {
	times := func(percent int) float64 { return float64(l.at(percent)) / float64(against.at(percent)) }
	return fmt.Sprintf("%-50s %6.1f %10v %10v %8.1f %8.1f", l.name, float64(l.found)/float64(len(l.took)),
		l.at(50).Round(time.Microsecond), l.at(99).Round(time.Microsecond), times(50), times(99))
}
