package main

import (
	"fmt"
	"math"
	"strings"
)

// series is one line of a plot.
type series struct {
	name string
	ys   []float64
}

// plot draws lines over the same xs, which stand side by side with the same distance: they are powers
// of ten, and 0.
func plot(title, unit string, xs []int, lines []series) string {
	const width, height, left, top = 560.0, 260.0, 60.0, 40.0
	most := 1.0
	for _, l := range lines {
		for _, y := range l.ys {
			most = math.Max(most, y*1.1)
		}
	}
	x := func(i int) float64 { return left + width*float64(i)/math.Max(1, float64(len(xs)-1)) }
	y := func(v float64) float64 { return top + height*(1-v/most) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="12">`+"\n", width+left+190, height+top+50)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="%.0f" y="20" font-size="14">%s</text>`+"\n", left, title)
	for i := range 6 {
		v := most * float64(i) / 5
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="#ddd"/><text x="%.1f" y="%.1f" text-anchor="end">%.0f %s</text>`+"\n", left, y(v), left+width, left-6, y(v)+4, v, unit)
	}
	for i, n := range xs {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">%d</text>`+"\n", x(i), top+height+20, n)
	}
	colours := []string{"#1b6ca8", "#c1440e", "#2e7d32", "#6a1b9a"}
	for k, l := range lines {
		var path strings.Builder
		for i, v := range l.ys {
			fmt.Fprintf(&path, "%s%.1f %.1f", []string{"L", "M"}[b2i(i == 0)], x(i), y(v))
		}
		colour := colours[k%len(colours)]
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n",
			&path, colour, left+width+8, y(l.ys[len(l.ys)-1])+4, colour, l.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func b2i(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
