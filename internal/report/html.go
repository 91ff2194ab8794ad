package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"moment": moment, "value": value, "bars": bars, "spans": bands, "short": short, "word": basis, "long": long, "most": func() int { return mostRows },
	"first": func(rows [][]string) [][]string { return rows[:min(len(rows), mostRows)] },
	"color": func(i int) int { return i % colors },
}).Parse(pageText))

// mostRows is how many rows of a table are on the page; JSON has all.
const mostRows = 500

// colors is how many classes for series the page has.
const colors = 8

// WriteHTML writes the report as one page that needs nothing else: no script, no font, no picture from elsewhere.
func (r *Report) WriteHTML(w io.Writer) error { return page.Execute(w, r) }

func value(f Figure) string {
	text := strconv.FormatFloat(f.Value, 'f', -1, 64)
	if f.Unit == "days" {
		text = strconv.FormatFloat(f.Value, 'f', 1, 64)
	}
	return text
}

// long says whether a word of the text is too long for a narrow column, so that it has to be broken.
func long(text string) bool {
	return slices.ContainsFunc(strings.Fields(text), func(word string) bool { return len(word) > 24 })
}

// short is the beginning of a hash, enough to tell two apart by eye.
func short(hash string) string { return hash[:min(len(hash), 12)] }

func basis(b Basis) string {
	if b == OfServer {
		return "the server's word"
	}
	return "from the log"
}

// What plots are drawn into, in the units of their pictures.
const (
	plotWidth, plotHeight = 720, 150
	bandHeight            = 22
	nameWidth             = 210
)

// bar is a rectangle of a plot.
type bar struct {
	X, Y, Width, Height float64
	Color               int
	Title               string
}

// label is a text beside a plot.
type label struct {
	X, Y float64
	Text string
	End  bool // it ends there, instead of beginning
}

// drawing is a plot in coordinates.
type drawing struct {
	Width, Height int
	Below         int // the height with what stands below
	Bars          []bar
	Names, Marks  []label // beside the rows; below the time
	Grid          []label // lines across, with what they stand for
}

// bars draws counts over time, the series on top of one another.
func bars(p Plot) drawing {
	steps := len(p.Series)
	if steps > 0 {
		steps = len(p.Series[0].Counts)
	}
	sums, highest := make([]uint64, steps), uint64(1)
	for _, s := range p.Series {
		for i, n := range s.Counts {
			sums[i] += n
			highest = max(highest, sums[i])
		}
	}
	top := ceiling(highest)
	d := drawing{Width: plotWidth, Height: plotHeight}
	for _, n := range []uint64{top, top / 2} {
		if n > 0 {
			d.Grid = append(d.Grid, label{Y: plotHeight * (1 - float64(n)/float64(top)), Text: number(n)})
		}
	}
	width := float64(plotWidth) / float64(max(steps, 1))
	base := make([]uint64, steps)
	for at, s := range p.Series {
		for i, n := range s.Counts {
			if n == 0 {
				continue
			}
			begin := p.Begin.Add(time.Duration(i) * time.Duration(p.Step) * time.Second)
			d.Bars = append(d.Bars, bar{
				X: float64(i)*width + .1*width, Width: .8 * width, Color: at % colors,
				Y: plotHeight * (1 - float64(base[i]+n)/float64(top)), Height: plotHeight * float64(n) / float64(top),
				Title: fmt.Sprintf("%s: %d %s", stamp(begin, p.Step), n, s.Name),
			})
			base[i] += n
		}
	}
	for i := 0; i < steps; i += max(1, (steps+5)/6) {
		x := float64(i) * width
		end := x > plotWidth-plotWidth/10
		if end {
			x = plotWidth
		}
		d.Marks = append(d.Marks, label{X: x, End: end, Text: stamp(p.Begin.Add(time.Duration(i)*time.Duration(p.Step)*time.Second), p.Step)})
	}
	return d
}

// ceiling is a round number that is not below n.
func ceiling(n uint64) uint64 {
	for unit := uint64(1); ; unit *= 10 {
		for _, m := range []uint64{2, 4, 6, 8, 10} {
			if unit*m >= n || unit > 1<<58 {
				return unit * m
			}
		}
	}
}

// stamp is a moment as exactly as the step needs.
func stamp(at time.Time, step int64) string {
	if step >= int64(24*time.Hour/time.Second) {
		return at.Format("2006-01-02")
	}
	return at.Format("01-02 15:04")
}

// bands draws lifetimes below one another, until the report was made or the last of them ends.
func bands(s Spans, made time.Time) drawing {
	d := drawing{Width: nameWidth + plotWidth, Height: bandHeight * len(s.Rows), Below: bandHeight*len(s.Rows) + 20}
	begin, end := made, made
	for _, r := range s.Rows {
		if r.From.Before(begin) {
			begin = r.From
		}
		for _, at := range []time.Time{r.From, r.To} {
			if at.After(end) {
				end = at
			}
		}
	}
	whole := max(end.Sub(begin), time.Hour)
	at := func(t time.Time) float64 {
		return nameWidth + plotWidth*float64(t.Sub(begin))/float64(whole)
	}
	states := map[string]int{"signing": 0, "published": 1, "retired": 2, "revoked": 3}
	for i, r := range s.Rows {
		to := r.To
		if to.IsZero() {
			to = end
		}
		y := float64(i * bandHeight)
		d.Names = append(d.Names, label{Y: y + bandHeight - 7, Text: short(r.Name) + "… " + r.State})
		d.Bars = append(d.Bars, bar{X: at(r.From), Y: y + 4, Width: max(2, at(to)-at(r.From)), Height: bandHeight - 8, Color: states[r.State], Title: r.Name + " " + r.State})
	}
	d.Marks = []label{{X: nameWidth, Text: moment(begin)}, {X: nameWidth + plotWidth, Text: moment(end), End: true}}
	return d
}
