package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxProblems is how many problems are collected before reading stops.
const MaxProblems = 50

// Problem is one mistake in a document, at a line and column counted from 1. The column counts
// characters. Message says what to do.
type Problem struct {
	Line, Column int
	Message      string
}

// Problems is all that is wrong with a document, in its order, up to a limit.
type Problems struct {
	file   string
	source string
	list   []Problem
	full   bool // there may be more than are listed
}

// Objection is a problem with a document as a whole, found by whoever was to put it to work.
func Objection(file string, source []byte, message string) *Problems {
	p := New(file, source)
	p.Add(1, 1, "%s", message)
	return p
}

// New is no problems yet with a document that messages call file.
func New(file string, source []byte) *Problems {
	return &Problems{file: file, source: string(source)}
}

// List is the problems in the document's order.
func (p *Problems) List() []Problem { return slices.Clone(p.list) }

// Error shows each problem with its place, the line it is in, and an arrow under the column.
func (p *Problems) Error() string {
	var b strings.Builder
	lines := strings.Split(p.source, "\n")
	for i, problem := range p.list {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s", p.file, problem.Line, problem.Column, problem.Message)
		if problem.Line <= len(lines) {
			b.WriteString(excerpt(lines[problem.Line-1], problem.Column))
		}
	}
	if p.full {
		fmt.Fprintf(&b, "\n%s: more problems may follow; these come first", p.file)
	}
	return b.String()
}

// Full says that there are so many problems that there is no use in looking for more.
func (p *Problems) Full() bool { return p.full }

// Line is the n-th line of the source, counted from 1.
func (p *Problems) Line(n int) string {
	source := p.source
	for ; n > 1; n-- {
		_, source, _ = strings.Cut(source, "\n")
	}
	line, _, _ := strings.Cut(source, "\n")
	return line
}

// written is the place, or the end of the last line with anything in it if only blank ones follow: a document that was
// cut off ends there.
func (p *Problems) written(line, column int) (atLine, atColumn int) {
	lines := strings.Split(strings.TrimRight(p.source, " \t\r\n"), "\n")
	if line <= len(lines) {
		return line, column
	}
	return len(lines), utf8.RuneCountInString(lines[len(lines)-1]) + 1
}

// Add adds a problem, unless there are too many.
func (p *Problems) Add(line, column int, format string, args ...any) {
	if len(p.list) >= MaxProblems {
		p.full = true
		return
	}
	p.list = append(p.list, Problem{Line: max(line, 1), Column: max(column, 1), Message: fmt.Sprintf(format, args...)})
}

// Err is p if there is any problem.
func (p *Problems) Err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return p
}

// excerpt is the part of a line around the column and, below it, an arrow. Whatever a terminal
// could act on is shown as a dot: the document may come from anybody who may propose one.
func excerpt(line string, column int) string {
	const before, width = 60, 100
	runes := []rune(strings.TrimSuffix(line, "\r"))
	at := min(column-1, len(runes))
	from := max(0, at-before)
	to := min(len(runes), from+width)
	shown := make([]rune, 0, width)
	for _, r := range runes[from:to] {
		switch {
		case r == '\t':
			r = ' '
		case !unicode.IsPrint(r):
			r = '.'
		}
		shown = append(shown, r)
	}
	head, tail := "", ""
	if from > 0 {
		head = "..."
	}
	if to < len(runes) {
		tail = "..."
	}
	return fmt.Sprintf("\n\t%s%s%s\n\t%s^", head, string(shown), tail, strings.Repeat(" ", len(head)+at-from))
}
