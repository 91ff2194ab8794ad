package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
)

// How much worse than the committed results a row may be. What a machine makes of a request changes from
// run to run, even beside its floor; how much a request allocates does not.
const (
	worseTimes  = 1.15
	worseAllocs = 1.05
)

var errWorse = errors.New("a row is worse than the committed results say")

// earlier reads the results of another run.
func earlier(file string) (*Results, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := new(Results)
	if err := json.Unmarshal(text, r, json.WithUnmarshalers(seconds())); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// compare holds each row to the same one of another run: by its ratio to its floor, if it has one, and by what it
// allocates. Machines differ in all else.
func (r *Results) compare(out io.Writer, with *Results) (err error) {
	for i := range r.Rows {
		now := &r.Rows[i]
		was := with.find(now.Name, now.InFlight)
		if was == nil {
			fmt.Fprintf(out, "compare %-62s %3d in flight: not in the results compared with\n", now.Name, now.InFlight)
			continue
		}
		verdict := "ok"
		if now.Times > was.Times*worseTimes || now.Allocs > was.Allocs*worseAllocs+1 {
			verdict, err = "WORSE", errWorse
		}
		fmt.Fprintf(out, "compare %-62s %3d in flight: %5.2f × echo, was %5.2f; %4.0f allocations, was %4.0f %s\n",
			now.Name, now.InFlight, now.Times, was.Times, now.Allocs, was.Allocs, verdict)
	}
	return err
}
