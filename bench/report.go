package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Results is all that one run found.
type Results struct {
	Machine  Machine
	Versions []string // of what is measured and isn't ours
	Took     string
	Crypto   Crypto
	Bare     []Bare // turn by turn
	Rows     []Result
	Visible  visibility
	Paced    []Paced
	Grown    []Grown
	Disk     []Disk
	Applied  Applied
	Peers    []PeerResult
	NoPeers  []string // why a peer wasn't measured
	Targets  []Target

	progress io.Writer // hears of each row
	selected bool      // the run is about some rows only: what wasn't measured wasn't asked for
}

// Result is one row at one number in flight.
type Result struct {
	Name, Floor  string
	InFlight     int
	RequestBytes int        // of the message, without headers
	Times        float64    // the floor's CPU
	Measured                // the median of the rounds, by CPU
	Rounds       []Measured // each time that it was measured, in order
}

// add takes in one round of a row.
func (r *Results) add(of *row, inFlight int, m Measured) {
	fmt.Fprintf(r.progress, "%3d  %-46s %7.1f µs  %6.0f/s\n", inFlight, of.name, m.CPU, m.Rate)
	result := r.find(of.name, inFlight)
	if result == nil {
		r.Rows = append(r.Rows, Result{Name: of.name, Floor: of.floor, InFlight: inFlight, RequestBytes: len(of.messages[0])})
		result = &r.Rows[len(r.Rows)-1]
	}
	result.Rounds = append(result.Rounds, m)
	byCost := slices.SortedFunc(slices.Values(result.Rounds), func(a, b Measured) int { return cmp.Compare(a.CPU, b.CPU) })
	result.Measured = byCost[(len(byCost)-1)/2]
}

// times is how many times the floor, and what else stands under it in each round, a row costs: the median over the rounds, since a
// machine that others use is faster in one minute than in the next. A row that was measured in other rounds than its floor is held
// to the floor's median.
func (x *Result) times(floor *Result, more []float64) float64 {
	if len(x.Rounds) != len(floor.Rounds) {
		return x.CPU / floor.CPU
	}
	ratios := make([]float64, len(x.Rounds))
	for i := range ratios {
		under := floor.Rounds[i].CPU
		if i < len(more) {
			under += more[i]
		}
		ratios[i] = x.Rounds[i].CPU / under
	}
	return median(ratios)
}

func median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return (of[(len(of)-1)/2] + of[len(of)/2]) / 2
}

// signatures is what one costs in each turn with so many in flight; with a verification, if asked for.
func (r *Results) signatures(inFlight int, verified bool) (out []float64) {
	for _, b := range r.Bare {
		switch {
		case b.InFlight != inFlight:
		case verified:
			out = append(out, b.Sign+b.Verify)
		default:
			out = append(out, b.Sign)
		}
	}
	return out
}

// find is the row's result so far, or nil.
func (r *Results) find(name string, inFlight int) *Result {
	i := slices.IndexFunc(r.Rows, func(x Result) bool { return x.Name == name && x.InFlight == inFlight })
	if i < 0 {
		return nil
	}
	return &r.Rows[i]
}

// report prints the table and the targets, and writes all of it if the run was whole.
func (r *Results) report(out io.Writer, whole bool) error {
	r.judge()
	text := r.text()
	if _, err := io.WriteString(out, text); err != nil || !whole {
		return err
	}
	raw, err := json.Marshal(r, json.WithMarshalers(durations()), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	if err := os.WriteFile("results.json", append(raw, '\n'), 0o644); err != nil {
		return err
	}
	if err := r.plotGrown(); err != nil {
		return err
	}
	return os.WriteFile("RESULTS.md", []byte(text), 0o644)
}

// seconds reads what durations wrote.
func seconds() *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(d *jsontext.Decoder, t *time.Duration) error {
		var s float64
		err := json.UnmarshalDecode(d, &s)
		*t = time.Duration(s * float64(time.Second))
		return err
	})
}

// durations writes a duration as seconds.
func durations() *json.Marshalers {
	return json.MarshalToFunc(func(e *jsontext.Encoder, d time.Duration) error {
		return e.WriteToken(jsontext.Float(d.Seconds()))
	})
}

// text is the report, in Markdown.
func (r *Results) text() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "# What a request costs\n\nMade by `go run .` in `bench`; README.md there says what is measured and what is not.\n\n")
	fmt.Fprintf(&b, "%s, %d cores, memory %s, %s, %s, commit %s, %s; took %s.\n\n", m.CPU, m.Cores, m.Memory, m.Kernel, m.Go, m.Commit, m.Date, r.Took)
	fmt.Fprintf(&b, "With %s.\n\n", strings.Join(r.Versions, ", "))
	c := r.Crypto
	fmt.Fprintf(&b, "Bare crypto on one core, sign / verify: ES256 %.1f / %.1f µs (sign with the nonce from key and message, as Whittle does: %.1f), EdDSA %.1f / %.1f µs, RS256 %.1f / %.1f µs.\n\n", c.Sign, c.Verify, c.SignByMessage, c.EdDSASign, c.EdDSAVerify, c.RS256Sign, c.RS256Verify)
	for _, d := range r.Disk {
		fmt.Fprintf(&b, "A bare durable commit shared by %d: %.1f µs of CPU and %.1f µs of time an entry.\n", d.Shared, d.CPU, d.Wall)
	}
	b.WriteString("\n")
	b.WriteString("| in flight | request | bytes | **server CPU µs** | × echo | allocs | requests/s | p50 ms | p99 ms | p99.9 ms | memory MiB | server | generator | others |\n")
	b.WriteString("|--:|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, x := range r.Rows {
		times := ""
		if x.Floor != "" {
			times = fmt.Sprintf("%.2f", x.Times)
		}
		fmt.Fprintf(&b, "| %d | %s | %d | **%.1f** | %s | %.0f | %.0f | %.2f | %.2f | %.2f | %d | %s | %s | %s |\n",
			x.InFlight, x.Name, x.RequestBytes, x.CPU, times, x.Allocs, x.Rate, ms(x.P50), ms(x.P99), ms(x.P999), x.Memory>>20,
			percent(x.ServerUse), percent(x.LoadUse), percent(x.OtherUse))
	}
	b.WriteString("\nThe last three columns are shares of one core. Latencies are those of a closed loop, which sends nothing while it waits: those of the open loop below count from when a request was due.\n\n")
	r.peersText(&b)
	r.others(&b)
	b.WriteString("```\n")
	for _, t := range r.Targets {
		fmt.Fprintln(&b, t)
	}
	b.WriteString("```\n")
	return b.String()
}

// others is what stands beside the rows.
func (r *Results) others(b *strings.Builder) {
	if len(r.Paced) > 0 {
		b.WriteString("At a rate of their own (an open loop; a latency counts from when the request was due):\n\n| request | requests/s | p50 ms | p99 ms | p99.9 ms | most ms | server | generator |\n|:--|--:|--:|--:|--:|--:|--:|--:|\n")
	}
	for _, p := range r.Paced {
		fmt.Fprintf(b, "| %s | %.0f | %.2f | %.2f | %.2f | %.2f | %s | %s |\n", p.Name, p.Rate, ms(p.P50), ms(p.P99), ms(p.P999), ms(p.Max), percent(p.ServerUse), percent(p.LoadUse))
	}
	if v := r.Visible; v.Revoked > 0 {
		fmt.Fprintf(b, "\n%d tokens were revoked by 32 callers at once, while 8 others looked at them without a pause, each from another one on, %d times: %d looks that began after a revocation was answered found the token active. A revocation took p50 %.2f ms, p99 %.2f ms, on disk and on the record.\n",
			v.Revoked, v.Seen, v.Late, ms(v.P50), ms(v.P99))
	}
	if a := r.Applied; len(a.Rounds) > 0 {
		fmt.Fprintf(b, "\n%d policies were applied, one after the other, while tokens were looked at %.0f times a second; no look failed. The slowest look in ms, round by round, without and with: ", a.Policies, a.Rounds[0].Loaded.Rate)
		for i, round := range a.Rounds {
			fmt.Fprintf(b, "%s%.2f and %.2f", []string{"", ", "}[min(i, 1)], ms(round.Quiet.Max), ms(round.Loaded.Max))
		}
		fmt.Fprintf(b, " (p99 of the first: %.2f and %.2f).\n", ms(a.Rounds[0].Quiet.P99), ms(a.Rounds[0].Loaded.P99))
	}
	r.grownText(b)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func percent(of float64) string { return fmt.Sprintf("%.0f %%", 100*of) }
