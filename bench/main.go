// Bench measures what a request costs here: server CPU, in one run with an echo of the same messages
// and with the bare crypto. See README.md.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/server"
)

const (
	childArgument = "be-a-server"
	usualEntries  = 1_000_000
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == childArgument {
		exitOn(beChild())
		return
	}
	b, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	exitOn(err)
	release := server.SettleMemory() // for the bare crypto, as the servers have it
	defer release()
	exitOn(scratch(b.run))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parse is the run that is asked for. What can be refused is refused here, before anything is measured.
func parse(args []string) (*bench, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "shorter windows, and only the rows that targets are about; writes no results")
	only := flags.String("only", "", "run only rows whose name matches this expression, with their floors, and what grows if its name does; writes no results")
	rounds := flags.Int("rounds", 0, "how often each row that targets are about is measured, each time beside its floor; the median counts; 0: 2 if quick, else 5; other numbers write no results")
	profiles := flags.String("profile", "", "write a CPU profile of the server for each row into this folder")
	growth := flags.Int("growth", 0, "up to how many live revocations to start servers with; 0: 100,000 if quick, else 1,000,000; other numbers write no results")
	entries := flags.Int("entries", usualEntries, "up to how many tokens issued, each with its audit entry, in a run that isn't quick; 10,000,000 take 15 GB and some minutes")
	compare := flags.String("compare", "", "hold the rows to those of this file, such as results.json; writes no results")
	peers := flags.String("peers", "", "measure only the peers whose name matches this expression, also with -only; none: no peer; writes no results")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag; see -h", flags.Arg(0))
	}
	if *rounds < 0 || *growth < 0 || *entries < 0 {
		return nil, errors.New("-rounds, -growth and -entries are numbers from 0")
	}
	b := &bench{
		quick: *quick, selects: *only != "", profiles: *profiles, rounds: cmp.Or(*rounds, 5),
		warm: 300 * time.Millisecond, window: 1500 * time.Millisecond, round: time.Second,
		mostRevocations: cmp.Or(*growth, 1_000_000), mostEntries: *entries, mostTokens: 5000,
		whole: !*quick && *only == "" && *compare == "" && *peers == "" && *rounds == 0 && *growth == 0 && *entries >= usualEntries && *profiles == "",
	}
	if *quick {
		b.rounds, b.mostRevocations, b.mostTokens = cmp.Or(*rounds, 2), cmp.Or(*growth, 100_000), 500
		b.warm, b.window, b.round = 150*time.Millisecond, 700*time.Millisecond, 450*time.Millisecond
	}
	var err error
	if b.only, err = regexp.Compile(*only); err != nil {
		return nil, err
	}
	if b.peers, err = peersNamed(*peers, *only != "" || *compare != ""); err != nil {
		return nil, err
	}
	if *compare != "" {
		if b.against, err = earlier(*compare); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// peersNamed is the peers that are asked for: all of them, unless the run is about something else.
func peersNamed(expression string, partly bool) ([]peer, error) {
	if expression == "none" || expression == "" && partly {
		return nil, nil
	}
	wanted, err := regexp.Compile(expression)
	if err != nil {
		return nil, err
	}
	all := peers()
	named := slices.DeleteFunc(slices.Clone(all), func(p peer) bool { return !wanted.MatchString(p.name) })
	if len(named) == 0 {
		return nil, fmt.Errorf("no peer is called %q: there are %s, %s, %s and %s", expression, zitadelJWT, zitadelOpaque, oidcProvider, hydra)
	}
	if expression != "" {
		for i := range named {
			named[i].slow = false // it was asked for
		}
	}
	return named, nil
}
