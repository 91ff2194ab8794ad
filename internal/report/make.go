package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
)

// maker makes one report.
type maker struct {
	Source

	report *Report
	window []Entry // of the source's entries, those from From to before To
}

func newMaker(kind Kind, s Source) *maker {
	m := &maker{Source: s, report: &Report{
		Kind: kind, From: s.From.UTC(), To: s.To.UTC(), Made: s.Made.UTC(), Server: s.Server,
		Checkpoint: s.Checkpoint, Note: s.Note, Key: s.Key, KeyGiven: s.KeyGiven, First: s.First, Entries: s.Read, Named: s.Privileged,
		Notes: []string{}, Figures: []Figure{}, Plots: []Plot{}, Spans: []Spans{}, Tables: []Table{},
	}}
	erased := map[string]bool{}
	for _, e := range s.Entries {
		if e.Time.Before(s.From) || !e.Time.Before(s.To) {
			continue
		}
		m.window = append(m.window, e)
		for _, p := range e.People {
			if p.Erased {
				erased[p.Key] = true
			}
		}
	}
	if s.Dropped > 0 {
		m.notef("Entries that retention dropped: %d. Only their hashes are left, and no figure counts them.", s.Dropped)
	}
	if len(erased) > 0 {
		m.notef("People whom entries name and who were erased: %d. They stay apart by a pseudonym; nobody knows who they were.", len(erased))
	}
	return m
}

func (m *maker) notef(format string, args ...any) {
	m.report.Notes = append(m.report.Notes, fmt.Sprintf(format, args...))
}

func (m *maker) figure(basis Basis, name, says string, value float64, unit string) {
	m.report.Figures = append(m.report.Figures, Figure{Name: name, Value: value, Unit: unit, Says: says, Basis: basis, At: m.Checkpoint})
}

func (m *maker) count(name, says string, n uint64) { m.figure(OfLog, name, says, float64(n), "") }

func (m *maker) table(basis Basis, name, says string, columns []string, rows [][]string) {
	if rows == nil {
		rows = [][]string{}
	}
	m.report.Tables = append(m.report.Tables, Table{Name: name, Says: says, Columns: columns, Rows: rows, Basis: basis, At: m.Checkpoint})
}

// steps are the lengths that a plot's steps may have.
var steps = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour, 364 * 24 * time.Hour}

// maxSteps is how many a plot has at most, but for windows of centuries.
const maxSteps = 62

// plot counts the window's entries over time: of gives the series of an entry, and how often it counts.
func (m *maker) plot(name, says string, series []string, of func(*Entry) (series string, n uint64)) {
	whole := m.To.Sub(m.From)
	step := steps[len(steps)-1]
	for _, s := range steps {
		if whole <= s*maxSteps {
			step = s
			break
		}
	}
	begin := m.From.UTC().Truncate(min(step, 24*time.Hour))
	count := int((m.To.Sub(begin) + step - 1) / step)
	p := Plot{Name: name, Says: says, Begin: begin, Step: int64(step / time.Second), Basis: OfLog, At: m.Checkpoint}
	for _, s := range series {
		p.Series = append(p.Series, Series{Name: s, Counts: make([]uint64, max(count, 1))})
	}
	for i := range m.window {
		in, n := of(&m.window[i])
		if at := slices.Index(series, in); at >= 0 {
			p.Series[at].Counts[m.window[i].Time.Sub(begin)/step] += n
		}
	}
	m.report.Plots = append(m.report.Plots, p)
}

// who is the person as a report names them. Nobody else can be called as somebody erased is, since an outside
// subject's name has a colon, and a client's no space.
func who(p *audit.Person) string {
	switch {
	case p.Erased:
		return "erased " + p.Key[:min(len(p.Key), 8)]
	case p.Issuer == "":
		return p.Subject
	default:
		return p.Issuer + ":" + p.Subject
	}
}

// subject is whom the entry's token speaks for, or whom it is about; empty if nobody.
func subject(e *Entry) string {
	for i := range e.People {
		if e.People[i].Role != audit.RoleActor {
			return who(&e.People[i])
		}
	}
	return ""
}

// granted says whether the entry is of a token that left.
func granted(e *Entry) bool { return e.Outcome == audit.OutcomeGranted && e.Granted != nil }

// refused is how many refusals the entry stands for.
func refused(e *Entry) uint64 {
	switch {
	case e.Outcome != audit.OutcomeRefused:
		return 0
	case e.Counted != nil:
		return e.Counted.Count
	default:
		return 1
	}
}

// uses is what resource servers told of in the entry; nil if they didn't.
func uses(e *Entry) []audit.Usage {
	if e.Uses == nil {
		return nil
	}
	return e.Uses.Rows
}

// scopesOf is all that the token can be used for, or may be traded for.
func scopesOf(g *audit.Granted) []string {
	all := slices.Clone(g.Scope)
	for _, r := range g.Reach {
		all = append(all, r.Scope...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tally is how often, and when last.
type tally struct {
	n    uint64
	last time.Time
}

func (t *tally) add(n uint64, at time.Time) {
	t.n += n
	if at.After(t.last) {
		t.last = at
	}
}

// set is things that are counted once.
type set map[string]bool

func (s set) add(name string) {
	if name != "" {
		s[name] = true
	}
}

// tallies counts by key.
type tallies[K comparable] map[K]*tally

func (t tallies[K]) of(k K) *tally {
	if t[k] == nil {
		t[k] = new(tally)
	}
	return t[k]
}

// sorted is the keys, what counted most first.
func (t tallies[K]) sorted(text func(K) string) []K {
	return slices.SortedFunc(maps.Keys(t), func(a, b K) int {
		return cmp.Or(cmp.Compare(t[b].n, t[a].n), cmp.Compare(text(a), text(b)))
	})
}

// moment is a time for people; zero is empty.
func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04:05")
}

func number[N uint64 | int](n N) string { return strconv.FormatUint(uint64(n), 10) }

func list(names []string) string { return strings.Join(names, " ") }

func days(d time.Duration) float64 { return float64(d.Round(time.Hour)/time.Hour) / 24 }
