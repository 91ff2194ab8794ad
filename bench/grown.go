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

// What there may be more and more of.
const (
	revocationsAxis = "live revocations"
	entriesAxis     = "tokens issued, each with its audit entry"
	opaqueAxis      = "opaque tokens alive"
	clientsAxis     = "clients"
	scopesAxis      = "scopes"
	rulesAxis       = "rules"
)

// flat is how much more the ratios to the echoes may be at the end of an axis.
const flat = 1.1

// judgeGrown holds the last of each axis to the first, each beside the echo of its own minute.
func (r *Results) judgeGrown() {
	for _, name := range []string{revocationsAxis, entriesAxis, opaqueAxis, clientsAxis, scopesAxis, rulesAxis} {
		list := r.grownOf(name)
		if len(list) < 2 {
			r.unmeasured(Target{Name: "growth-with-" + short(name), Limit: flat})
			continue
		}
		first, last := list[0], list[len(list)-1]
		if name == revocationsAxis {
			r.target(Target{Name: fmt.Sprintf("bytes-a-live-revocation-of-%d", last.N), Limit: 150}, float64(last.Heap-first.Heap)/float64(last.N))
		}
		r.target(Target{Name: fmt.Sprintf("introspection-with-%d-%s", last.N, short(name)), Limit: flat}, last.IntrospectTimes/first.IntrospectTimes)
		r.target(Target{Name: fmt.Sprintf("exchange-with-%d-%s", last.N, short(name)), Limit: flat}, last.ExchangeTimes/first.ExchangeTimes)
	}
}

// short is an axis's name in those of targets and files.
func short(axis string) string { return strings.ReplaceAll(strings.Split(axis, ",")[0], " ", "-") }

// grownText is a table and a plot for each axis.
func (r *Results) grownText(b *strings.Builder) {
	for _, name := range r.grownAxes() {
		list := r.grownOf(name)
		fmt.Fprintf(b, "\n| %s | start s | live heap MiB | %s, µs | exchange µs | its echo, µs | echo of exchange µs |\n|--:|--:|--:|--:|--:|--:|--:|\n", name, list[0].Looks)
		for _, g := range list {
			fmt.Fprintf(b, "| %d | %.2f | %d | %.1f | %.1f | %.1f | %.1f |\n", g.N, g.Start.Seconds(), g.Heap>>20, g.Introspect, g.Exchange, g.Echo, g.Exchanged)
		}
		fmt.Fprintf(b, "\n![by %s](%s)\n\n", name, plotFile(name))
	}
}

func plotFile(axis string) string { return "growth-" + short(axis) + ".svg" }

// plotGrown writes a plot for each axis, with the lines to stay near: the echoes, with a signature where there has to be one.
func (r *Results) plotGrown() error {
	const exchange, introspection = "#1b6ca8", "#c1440e"
	for _, name := range r.grownAxes() {
		var xs []int
		list, sign, looks := r.grownOf(name), median(r.signatures(32, false)), "introspection of a JWT"
		if list[0].Looks == opaqueCold {
			looks = "first look at opaque token" // as wide as the margin
		}
		lines := []series{
			{name: "exchange of a token seen before", colour: exchange}, {name: "its echo and a signature", colour: exchange, dashed: true},
			{name: looks, colour: introspection}, {name: "echo of introspection", colour: introspection, dashed: true},
		}
		for _, g := range list {
			xs = append(xs, g.N)
			for i, y := range []float64{g.Exchange, g.Exchanged + sign, g.Introspect, g.Echo} {
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
