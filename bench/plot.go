package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// series is one line of a plot.
type series struct {
	name   string
	colour string
	dashed bool
	ys     []float64
}

// The places in a plot, in its own units.
const (
	plotLeft, plotTop     = 60.0, 50.0
	plotWidth, plotHeight = 540.0, 280.0
	plotNames             = 230.0 // for the lines' names, right of them
	plotRow               = 16.0  // from one line of text to the next
)

// plot draws lines over the same xs, which stand side by side with the same distance: they are powers
// of ten, and 0.
func plot(title, unit string, xs []int, lines []series) string {
	most := 0.0
	for _, l := range lines {
		most = max(most, slices.Max(l.ys))
	}
	step := niceStep(most / 5)
	most = step * math.Ceil(most/step*1.02)
	x := func(i int) float64 { return plotLeft + plotWidth*float64(i)/max(1, float64(len(xs)-1)) }
	y := func(v float64) float64 { return plotTop + plotHeight*(1-v/most) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="12">`+"\n",
		plotLeft+plotWidth+plotNames, plotTop+plotHeight+40)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="16" y="24" font-size="14">%s</text>`+"\n", title)
	for v := 0.0; v <= most; v += step {
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="#ddd"/><text x="%.1f" y="%.1f" text-anchor="end">%g %s</text>`+"\n",
			plotLeft, y(v), plotLeft+plotWidth, plotLeft-6, y(v)+4, v, unit)
	}
	for i, n := range xs {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", x(i), plotTop+plotHeight+20, grouped(n))
	}
	for _, l := range lines {
		l.draw(&b, x, y)
	}
	for _, at := range namesOf(lines, y) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", plotLeft+plotWidth+10, at.y+4, at.of.colour, at.of.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (l *series) draw(b *strings.Builder, x func(int) float64, y func(float64) float64) {
	var points []string
	for i, v := range l.ys {
		points = append(points, fmt.Sprintf("%.1f,%.1f", x(i), y(v)))
	}
	dashes := ""
	if l.dashed {
		dashes = ` stroke-dasharray="6 4"`
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", strings.Join(points, " "), l.colour, dashes)
}

// named is where a line's name stands.
type named struct {
	of *series
	y  float64
}

// namesOf puts each name at its line's end, or below the one above if there is no room.
func namesOf(lines []series, y func(float64) float64) (names []named) {
	for i := range lines {
		l := &lines[i]
		names = append(names, named{l, y(l.ys[len(l.ys)-1])})
	}
	slices.SortStableFunc(names, func(a, b named) int { return cmp.Compare(a.y, b.y) })
	for i := 1; i < len(names); i++ {
		names[i].y = max(names[i].y, names[i-1].y+plotRow)
	}
	return names
}

// niceStep is 1, 2 or 5 times a power of ten, and at least v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(max(v, 1e-9))))
	for _, n := range []float64{1, 2, 5} {
		if n*power >= v {
			return n * power
		}
	}
	return 10 * power
}

// grouped writes a number with its thousands apart.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
