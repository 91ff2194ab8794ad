package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"
)

// bench is one run.
type bench struct {
	warm, window time.Duration
	round        time.Duration // the window of a row that is measured several times
	rounds       int
	quick        bool
	whole        bool // nothing is left out: results are written
	only         *regexp.Regexp
	selects      bool // the run is about some rows only
	peers        []peer
	against      *Results // what to hold the rows to; nil: nothing
	profiles     string   // the folder for them

	mostRevocations int
	mostEntries     int
	mostTokens      int // that are revoked while others look at them

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
	if b.profiles != "" {
		if err := os.MkdirAll(b.profiles, 0o755); err != nil {
			return err
		}
	}
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
	if err := b.matches(rows); err != nil {
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
	if err := b.measurePeers(ctx); err != nil {
		return err
	}
	if err := b.furthermore(ctx, rows); err != nil {
		return err
	}
	b.results.Took = time.Since(began).Round(time.Second).String()
	b.results.selected = b.selects
	if err := b.results.report(os.Stdout, b.whole); err != nil || b.against == nil {
		return err
	}
	return b.results.compare(os.Stdout, b.against)
}

// matches refuses a run that would measure nothing of what it was asked for.
func (b *bench) matches(rows []row) error {
	if !b.selects || len(b.axes()) > 0 {
		return nil
	}
	for _, r := range rows {
		if b.only.MatchString(r.name) && !(b.quick && r.long) {
			return nil
		}
	}
	return fmt.Errorf("-only %q is the name of no row and of nothing that grows, or of rows that a quick run leaves out", b.only)
}

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
	tasks, err := b.stock(ctx, w, exchangeNew, b.round, 8000, 2*b.rounds+1)
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
// is measured. Where the server takes more, the row's window is shorter. A run without the row needs none.
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
	if b.selects {
		return b.growth(ctx)
	}
	made, err := b.world.issue(ctx, b.mostTokens, agent, dataAPI)
	if err != nil {
		return err
	}
	if b.results.Visible, err = b.world.visible(ctx, made); err != nil {
		return err
	}
	if err := b.pacedRows(ctx, rows); err != nil {
		return err
	}
	if err := b.applied(ctx, rows); err != nil {
		return err
	}
	return b.growth(ctx)
}

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
