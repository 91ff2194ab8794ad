// Bench measures what a request costs here: server CPU, in one run with an echo of the same messages
// and with the bare crypto. See README.md.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const childArgument = "be-a-server"

func main() {
	if len(os.Args) == 2 && os.Args[1] == childArgument {
		exitOn(beChild())
		return
	}
	quick := flag.Bool("quick", false, "shorter windows, and only the rows that targets are about; writes no results")
	only := flag.String("only", "", "run only rows whose name matches this expression, with their floors, and what grows if its name does; writes no results")
	rounds := flag.Int("rounds", 0, "how often each row that targets are about is measured, each time beside its floor; the median counts; 0: 2 if quick, else 5")
	profiles := flag.String("profile", "", "write a CPU profile of the server for each row into this folder")
	growth := flag.Int("growth", 0, "up to how many live revocations to start servers with; 0: 100,000 if quick, else 1,000,000")
	entries := flag.Int("entries", 1_000_000, "up to how many tokens issued, each with its audit entry, in a run that isn't quick; 10,000,000 take 15 GB and some minutes")
	compare := flag.String("compare", "", "hold the rows to those of this file, such as results.json; writes no results")
	withPeers := flag.String("peers", "", "measure only the peers whose name matches this expression, also with -only; none: no peer")
	flag.Parse()
	b := bench{quick: *quick, against: *compare, mostRevocations: *growth, mostEntries: *entries, warm: 300 * time.Millisecond, window: 2 * time.Second, round: time.Second, profiles: *profiles, partly: *only != "" || *compare != "", rounds: cmp.Or(*rounds, 5)}
	if *quick {
		b.rounds = cmp.Or(*rounds, 2)
		b.warm, b.window, b.round = 150*time.Millisecond, 700*time.Millisecond, 450*time.Millisecond
	}
	pattern, err := regexp.Compile(*only)
	exitOn(err)
	b.only = pattern
	b.peers, err = regexp.Compile(*withPeers)
	exitOn(err)
	b.anyPeers = *withPeers != "none" && (*withPeers != "" || !b.partly)
	exitOn(scratch(b.run))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	warm, window time.Duration
	round        time.Duration // the window of a row that is measured several times
	only         *regexp.Regexp
	peers        *regexp.Regexp
	anyPeers     bool
	partly       bool
	rounds       int
	quick        bool
	against      string

	mostRevocations int // 0: as usual
	mostEntries     int
	profiles        string

	world   *world
	whittle *child
	floors  *child
	results Results
}

func (b *bench) run(ctx context.Context) (err error) {
	began := time.Now()
	folder, err := os.MkdirTemp("", "whittle-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	b.results.Machine = thisMachine()
	b.results.Versions = ofThis("google.golang.org/grpc", "connectrpc.com/connect/v2", "go.etcd.io/bbolt")
	b.results.progress = os.Stderr
	if b.results.Crypto, err = measureCrypto(); err != nil {
		return err
	}
	if b.results.Disk, err = measureDisk(); err != nil {
		return err
	}
	if err := b.begin(ctx, folder); err != nil {
		return err
	}
	defer b.whittle.stop()
	rows, err := plan(ctx, b.world)
	if err != nil {
		return err
	}
	answers, err := b.answers(rows)
	if err != nil {
		return err
	}
	if b.floors, err = startChild(Setup{Kind: "floors", Answers: answers}); err != nil {
		return err
	}
	defer b.floors.stop()
	if err := b.inTurn(ctx, rows); err != nil {
		return err
	}
	if b.anyPeers {
		if err := b.measurePeers(ctx); err != nil {
			return err
		}
	}
	if err := b.furthermore(ctx, rows); err != nil {
		return err
	}
	b.results.Took = time.Since(began).Round(time.Second).String()
	if err := b.results.report(os.Stdout, b.partly || b.quick); err != nil || b.against == "" {
		return err
	}
	before, err := earlier(b.against)
	if err != nil {
		return err
	}
	return b.results.compare(os.Stdout, &before)
}

// inTurn measures the rows that targets are about, each as often as its floor, then the others: a hundred thousand tokens that are
// looked at once are a hundred thousand counts for the record, which the server writes a minute later, on top of whatever is
// measured then. For the same reason each turn begins when the server has come to rest.
func (b *bench) inTurn(ctx context.Context, rows []row) error {
	judged := func(r *row) bool { return !r.long }
	other := func(r *row) bool { return r.long }
	type turn struct {
		part     func(*row) bool
		inFlight int
	}
	turns := slices.Repeat([]turn{{judged, 32}, {judged, 256}}, b.rounds)
	if !b.quick {
		turns = append(turns, turn{other, 32}, turn{other, 256}, turn{every, 1})
	}
	for _, t := range turns {
		if err := b.whittle.settled(ctx); err != nil {
			return err
		}
		if err := b.measureAll(rows, t.part, t.inFlight); err != nil {
			return err
		}
	}
	return nil
}

// every row is a part.
func every(*row) bool { return true }

// begin starts Whittle twice on the same state: what the first one signed the second has never seen.
func (b *bench) begin(ctx context.Context, folder string) error {
	first, err := startChild(Setup{Kind: "whittle", Folder: folder})
	if err != nil {
		return err
	}
	w, err := newWorld(ctx, first, policy)
	if err != nil {
		return errors.Join(err, first.stop())
	}
	tasks, err := b.stock(ctx, w, exchangeNew, b.round, 7000, 2*b.rounds+1)
	if err != nil {
		return errors.Join(err, first.stop())
	}
	looks, err := b.stock(ctx, w, introspectCold, b.window, 16_000, 3, dataAPI)
	if err := errors.Join(err, first.stop()); err != nil {
		return err
	}
	if b.whittle, err = startChild(Setup{Kind: "whittle", Folder: folder}); err != nil {
		return err
	}
	if b.world, err = w.at(b.whittle); err != nil {
		return errors.Join(err, b.whittle.stop())
	}
	b.world.earlierTasks, b.world.earlierLooks = tasks, looks
	return nil
}

// stock issues tokens for a row of tokens that an earlier process signed, at so many a second for each of the times that the row
// is measured: more than a few cores verify meanwhile. With fewer its window is shorter. A run without the row needs none.
func (b *bench) stock(ctx context.Context, w *world, row string, window time.Duration, rate, times int, resources ...string) (s stock, err error) {
	if !b.only.MatchString(row) || b.quick && row == introspectCold {
		return s, nil
	}
	s.each = int(float64(rate) * (b.warm + window).Seconds())
	s.left, err = w.issue(ctx, times*s.each, agent, resources...)
	return s, err
}

// furthermore is what a run measures beside its rows. One about some rows only measures nothing else
// unless it is asked to.
func (b *bench) furthermore(ctx context.Context, rows []row) error {
	tokens, most := 5000, 1_000_000
	if b.quick {
		tokens, most = 500, 100_000
	}
	b.mostRevocations = cmp.Or(b.mostRevocations, most)
	if b.selects() {
		return b.growth(ctx)
	}
	made, err := b.world.issue(ctx, tokens, agent, dataAPI)
	if err != nil {
		return err
	}
	if b.results.Visible, err = b.world.visible(ctx, made); err != nil {
		return err
	}
	if err := b.pacedRows(rows); err != nil {
		return err
	}
	if err := b.applied(ctx, rows); err != nil {
		return err
	}
	return b.growth(ctx)
}

// selects says whether the run is about some rows only.
func (b *bench) selects() bool { return b.partly && b.against == "" }

// answers asks Whittle once for each answer that the floors give.
func (b *bench) answers(rows []row) (a Answers, err error) {
	for _, r := range rows {
		var into *[]byte
		switch r.name {
		case introspectGRPC:
			into = &a.Introspect
		case introspectBatch:
			into = &a.Batch
		case introspectOAuth:
			into = &a.OAuth
		case exchangeOAuth:
			into = &a.Token
		case exchangeSeen:
			into = &a.Exchange
		default:
			continue
		}
		if *into, err = b.once(&r); err != nil {
			return a, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return a, nil
}

func (b *bench) once(r *row) ([]byte, error) {
	l, err := b.load(b.whittle, r, 1)
	if err != nil {
		return nil, err
	}
	defer l.wire.Close()
	s, err := l.wire.open(0)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.send(l.requests[0])
}

// measureAll measures those of the rows that are a part and were asked for.
func (b *bench) measureAll(rows []row, part func(*row) bool, inFlight int) error {
	rate := 0.0
	least := 2_000.0 // a second: what a row of its own has tokens for, beyond the warm-up
	if inFlight > 1 {
		least = 12_000
	}
	for _, r := range rows {
		if !part(&r) || !b.wanted(rows, &r) {
			continue
		}
		if r.once {
			// As many as the row before would have used: a token never seen is never cheaper.
			made, err := r.more(int(max(rate, least) * (b.warm + b.windowOf(&r)).Seconds()))
			if err != nil {
				return fmt.Errorf("%s: making tokens: %w", r.name, err)
			}
			r.messages = made
		}
		m, err := b.measure(&r, inFlight)
		if err != nil {
			return fmt.Errorf("%s, %d in flight: %w", r.name, inFlight, err)
		}
		rate = m.Rate
	}
	return nil
}

// wanted says whether the row was asked for, or is the floor of one that was.
func (b *bench) wanted(rows []row, r *row) bool {
	return b.only.MatchString(r.name) || slices.ContainsFunc(rows, func(on row) bool {
		return on.floor == r.name && b.only.MatchString(on.name)
	})
}

func (b *bench) measure(r *row, inFlight int) (Measured, error) {
	server := b.whittle
	if r.floor == "" && !r.alone {
		server = b.floors
	}
	l, err := b.load(server, r, inFlight)
	if err != nil {
		return Measured{}, err
	}
	defer l.wire.Close()
	m, err := l.run(server, b.profileOf(r, inFlight))
	if err == nil {
		b.results.add(r, inFlight, m)
	}
	return m, err
}

func (b *bench) profileOf(r *row, inFlight int) string {
	if b.profiles == "" {
		return ""
	}
	name := strings.NewReplacer(" ", "-", ",", "").Replace(r.name)
	return filepath.Join(b.profiles, fmt.Sprintf("%s-%d.pprof", name, inFlight))
}

// windowOf is for how long the row is measured at a time.
func (b *bench) windowOf(r *row) time.Duration {
	if r.long {
		return b.window
	}
	return b.round
}

// load is the row's load on the server.
func (b *bench) load(server *child, r *row, inFlight int) (*load, error) {
	l := &load{
		requests: r.messages, once: r.once, bearers: r.bearers,
		inFlight: inFlight, warm: b.warm, window: b.windowOf(r),
	}
	authorization := b.world.basic(r.client)
	if r.wire == overGRPC {
		at := server.GRPC
		if r.tuned {
			at = server.Tuned
		}
		var err error
		l.wire, err = dialGRPC(at, r.method, authorization)
		return l, err
	}
	contentType := map[string]string{
		overForm: formType, overConnect: "application/json", overBinary: "application/proto", overWeb: "application/grpc-web+proto",
	}[r.wire]
	h := &httpWire{server.HTTP, r.method, contentType, authorization}
	l.wire, l.requests = h, nil
	for _, body := range r.messages {
		l.requests = append(l.requests, h.request(body))
	}
	return l, nil
}
