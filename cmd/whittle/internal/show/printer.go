package show

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Printer prints to a command's output.
type Printer struct {
	Out  io.Writer
	JSON bool // one object a line, by the contract's names, instead of what people read
}

// Object prints one message as a line of JSON. Members that are empty are there, so that a program need
// not know which are left out.
func (p Printer) Object(m proto.Message) error {
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err
	}
	line := jsontext.Value(text)
	if err := line.Compact(); err != nil { // protojson varies its spaces on purpose
		return err
	}
	_, err = fmt.Fprintf(p.Out, "%s\n", line)
	return err
}

// List prints items: a line of JSON each, or a table with a heading.
func List[T proto.Message](p Printer, heading []string, items []T, row func(T) []string) error {
	if p.JSON {
		for _, item := range items {
			if err := p.Object(item); err != nil {
				return err
			}
		}
		return nil
	}
	rows := make([][]string, len(items))
	for i, item := range items {
		rows[i] = row(item)
	}
	return p.Table(heading, rows)
}

// Table prints rows below a heading, an empty cell as a dash.
func (p Printer) Table(heading []string, rows [][]string) error {
	w := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(heading, "\t")))
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = Clean(cell); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// Fact is a line of what is known of one thing.
type Fact struct{ Name, Value string }

// Facts prints the facts that have a value, each with its name.
func (p Printer) Facts(facts []Fact) error {
	width := 0
	for _, f := range facts {
		if f.Value != "" {
			width = max(width, len(f.Name))
		}
	}
	for _, f := range facts {
		if f.Value == "" {
			continue
		}
		if _, err := fmt.Fprintf(p.Out, "%-*s  %s\n", width, f.Name, Clean(f.Value)); err != nil {
			return err
		}
	}
	return nil
}

// Clean is a text with everything as a dot that isn't printable: it may come from anybody whom an entry
// or a policy quotes.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '.'
	}, text)
}

// Lines is a text of several lines, each clean. Tabs, which indent, are spaces.
func Lines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(Clean(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    ")) + "\n")
	}
	return b.String()
}

// Time is a moment for people, in UTC; an absent one is empty.
func Time(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format(time.RFC3339)
}
