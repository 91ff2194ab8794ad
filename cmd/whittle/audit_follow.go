package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

const (
	// followQuiet is how long nothing may come before the connection counts as lost. The server says something every ten
	// seconds.
	followQuiet = 35 * time.Second
	// Between two tries to connect again. The longest is short enough for whoever waits for a server to come back.
	shortestPause = 250 * time.Millisecond
	longestPause  = 10 * time.Second
)

func auditFollow() *cobra.Command {
	var filter whittlev1.EntryFilter
	var from uint64
	cmd := asking(&cobra.Command{
		Use:   "follow",
		Short: "Print entries as they come",
		Long: `Prints the entries that match every filter that is given, from --from on if that is said, and then each as it comes,
until it is interrupted. A connection that is lost is made again, for as long as that takes, and no entry is
missing or printed twice. A log that isn't the same any more, since its server was restored, ends it.`,
		Example: "  whittle audit follow --outcome refused\n  whittle audit follow --from 0 --json | tee entries.jsonl",
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		ask := &whittlev1.FollowEntriesRequest{Filter: wanted(&filter)}
		if c.cmd.Flags().Changed("from") {
			ask.From = &from
		}
		return (&follower{call: c, ask: ask}).run()
	})
	filterFlags(cmd, &filter)
	cmd.Flags().Uint64Var(&from, "from", 0, "the index to begin at (default: what comes from now on)")
	return cmd
}

// follower prints what the server sends, over as many connections as it takes.
type follower struct {
	*call

	ask    *whittlev1.FollowEntriesRequest
	origin string // the log's name, once it is known
	heard  bool   // something came over the connection that there is
	begun  bool   // or over one before, so that From is where to go on
}

// run follows until somebody ends it, which is no error, or until there is nothing to follow any more. What fails
// before the first answer is an error of the command; what fails later is a connection that was lost.
func (f *follower) run() error {
	pause := shortestPause
	for {
		err := f.server.Explain(f.connection())
		switch {
		case f.ctx.Err() != nil:
			return nil //nolint:nilerr // interrupted, which is how it is ended
		case !f.begun, exit.Of(err, exit.Failed) != exit.Unavailable:
			return err
		case f.heard:
			pause = shortestPause
		}
		fmt.Fprintf(f.cmd.ErrOrStderr(), "the connection is lost; trying again from entry %d (%v)\n", f.ask.GetFrom(), err)
		select {
		case <-f.ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// connection prints what comes over one connection, until that ends.
func (f *follower) connection() error {
	f.heard = false
	if err := f.checkLog(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	quiet := time.AfterFunc(followQuiet, cancel)
	defer quiet.Stop()
	stream, err := f.server.AuditFeed().FollowEntries(ctx, f.ask)
	if err != nil {
		return err
	}
	defer stream.Close()
	for {
		res, err := stream.Receive()
		switch {
		case errors.Is(err, io.EOF):
			return exit.With(exit.Unavailable, errors.New("the server ended the stream"))
		case ctx.Err() != nil:
			return exit.With(exit.Unavailable, errors.New("nothing comes any more"))
		case err != nil:
			return err
		}
		quiet.Reset(followQuiet)
		if res.GetEntry() != nil {
			if err := f.entry(res.GetEntry()); err != nil {
				return err
			}
		}
		f.ask.From, f.heard, f.begun = &res.Next, true, true
	}
}

// checkLog makes sure that an index means the same entry as before: a server that was restored begins a new log.
func (f *follower) checkLog() error {
	newest, err := f.server.Proofs().GetCheckpoint(f.ctx, &whittlev1.GetCheckpointRequest{})
	switch err = f.server.Explain(err); {
	case exit.Of(err, exit.Failed) == exit.No && f.origin == "":
		return nil // a new log, not a second old
	case exit.Of(err, exit.Failed) == exit.No:
		return exit.With(exit.Unavailable, err) // it is soon known which log this is
	case err != nil:
		return err
	}
	if f.origin != "" && f.origin != newest.GetOrigin() {
		return exit.With(exit.Failed, fmt.Errorf("%s has another log now, %s: a restore began it. Follow that one from its beginning: --from 0",
			f.server.URL(), newest.GetOrigin()))
	}
	f.origin = newest.GetOrigin()
	return nil
}
