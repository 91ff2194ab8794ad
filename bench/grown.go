package main

import (
	"fmt"
	"os"
	"strings"
)

// grownOf is an axis's results, in the order of its counts.
func (r *Results) grownOf(axis string) (out []Grown) {
	for _, g := range r.Grown {
		if g.Axis == axis {
			out = append(out, g)
		}
	}
	return out
}

// grownAxes are the axes that were measured.
func (r *Results) grownAxes() (names []string) {
	for i, g := range r.Grown {
		if i == 0 || r.Grown[i-1].Axis != g.Axis {
			names = append(names, g.Axis)
		}
	}
	return names
}

const revocationsAxis = "live revocations"

// judgeGrown holds the last of each axis to the first, each beside the echo of its own minute.
func (r *Results) judgeGrown() {
	for _, name := range r.grownAxes() {
		list := r.grownOf(name)
		first, last := list[0], list[len(list)-1]
		if len(list) < 2 {
			continue
		}
		if name == revocationsAxis {
			bytes := float64(last.Heap-first.Heap) / float64(last.N)
			r.Targets = append(r.Targets, Target{Name: fmt.Sprintf("bytes-a-live-revocation-of-%d", last.N), Measured: bytes, Limit: 150})
		}
		if last.Limit == 0 {
			continue
		}
		short := strings.ReplaceAll(strings.Split(name, ",")[0], " ", "-")
		r.Targets = append(r.Targets,
			Target{Name: fmt.Sprintf("introspection-with-%d-%s", last.N, short), Measured: last.IntrospectTimes / first.IntrospectTimes, Limit: last.Limit},
			Target{Name: fmt.Sprintf("exchange-with-%d-%s", last.N, short), Measured: last.ExchangeTimes / first.ExchangeTimes, Limit: last.Limit},
		)
	}
}

// grownText is a table and a plot for each axis.
func (r *Results) grownText(b *strings.Builder) {
	for _, name := range r.grownAxes() {
		fmt.Fprintf(b, "\n| %s | start s | live heap MiB | introspection µs | exchange µs | echo of introspection µs | echo of exchange µs |\n|--:|--:|--:|--:|--:|--:|--:|\n", name)
		for _, g := range r.grownOf(name) {
			fmt.Fprintf(b, "| %d | %.2f | %d | %.1f | %.1f | %.1f | %.1f |\n", g.N, g.Start.Seconds(), g.Heap>>20, g.Introspect, g.Exchange, g.Echo, g.Exchanged)
		}
		fmt.Fprintf(b, "\n![by %s](%s)\n\n", name, plotFile(name))
	}
}

func plotFile(axis string) string {
	return "growth-" + strings.ReplaceAll(strings.Split(axis, ",")[0], " ", "-") + ".svg"
}

// plotGrown writes a plot for each axis, with the lines to stay near: the echoes, with a signature where there has to be one.
func (r *Results) plotGrown() error {
	const exchange, introspection = "#1b6ca8", "#c1440e"
	for _, name := range r.grownAxes() {
		var xs []int
		lines := []series{
			{name: "exchange of a token seen before", colour: exchange}, {name: "its echo and a signature", colour: exchange, dashed: true},
			{name: "introspection of a JWT", colour: introspection}, {name: "echo of introspection", colour: introspection, dashed: true},
		}
		for _, g := range r.grownOf(name) {
			xs = append(xs, g.N)
			for i, y := range []float64{g.Exchange, g.Exchanged + r.Crypto.Sign, g.Introspect, g.Echo} {
				lines[i].ys = append(lines[i].ys, y)
			}
		}
		text := plot("Server CPU for each request, by "+name+" (gRPC, 32 in flight)", "µs", xs, lines)
		if err := os.WriteFile(plotFile(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
