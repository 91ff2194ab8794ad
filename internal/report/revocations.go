package report

import (
	"maps"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
)

// revocations is what was taken away, by whom, and what the log says of how well it held.
func (m *maker) revocations() {
	m.report.Title = "Revocations"
	m.report.About = "What was taken away, by whom, and how it held. A revocation acts before it is answered, so no time passes from answer to effect; the log can't time that, but it shows what came after: the first request that was refused for it, and any token that was granted in spite of it."
	effects := m.effects()
	kinds, by := tallies[string]{}, tallies[string]{}
	var lifted, slipped, seen uint64
	var rows [][]string
	for _, f := range effects {
		e := f.entry
		if e.Time.Before(m.From) || !e.Time.Before(m.To) {
			continue
		}
		if e.Kind == audit.KindUnblock {
			lifted++
		} else {
			kinds.of(e.Revoked.Kind).add(1, e.Time)
			by.of(e.Client).add(1, e.Time)
		}
		slipped += f.slipped
		after := ""
		if !f.refused.IsZero() {
			seen++
			after = max(0, f.refused.Sub(e.Time)).Round(time.Millisecond).String()
		}
		rows = append(rows, []string{number(e.Revoked.Seq), number(e.Index), moment(e.Time), f.what(), selected(e), e.Client, e.Revoked.Reason, after, f.held()})
	}
	total := uint64(0)
	for _, t := range kinds {
		total += t.n
	}
	m.count("revocations", "Revocations in the window, by whatever selector.", total)
	m.count("blocks lifted", "Blocks that were lifted in the window.", lifted)
	m.count("granted in spite of one", "Tokens whose grant is in the log after a revocation that forbids it, up to the newest entry that was read. A grant that had read an older revocation number is not among them: its token was dead from the start.", slipped)
	m.count("seen to act", "Revocations of the window for which a later entry is a request that was refused since its token was no longer alive.", seen)
	m.plot("Revocations by kind", "By the time of the entry.", slices.Sorted(maps.Keys(kinds)), func(e *Entry) (string, uint64) {
		if e.Kind != audit.KindRevocation || e.Revoked == nil {
			return "", 0
		}
		return e.Revoked.Kind, 1
	})
	var counts [][]string
	for _, who := range by.sorted(func(s string) string { return s }) {
		counts = append(counts, []string{who, number(by[who].n), moment(by[who].last)})
	}
	m.table(OfLog, "Who revoked", "", []string{"client", "revocations", "last"}, counts)
	m.table(OfLog, "Each revocation", "The first refusal is that of a token which the revocation killed, by the entries' times. Whether it held is judged for tokens, tasks, and blocks of clients and subjects; the entries don't say all that other selectors match.",
		[]string{"number", "entry", "time", "what", "of", "by", "reason", "first refusal after", "held"}, rows)
}

// effect is what came after a revocation.
type effect struct {
	entry   *Entry
	judged  bool
	slipped uint64
	refused time.Time
	over    bool // the block was lifted
}

func (f *effect) what() string {
	text := f.entry.Revoked.Kind
	if f.entry.Kind == audit.KindUnblock {
		return text + ", block lifted"
	}
	if f.entry.Revoked.Block {
		text += ", blocked"
	}
	return text
}

func (f *effect) held() string {
	switch {
	case f.entry.Kind == audit.KindUnblock:
		return ""
	case !f.judged:
		return "not judged"
	case f.slipped > 0:
		return "NO: " + number(f.slipped) + " granted"
	default:
		return "yes"
	}
}

// selector is what a revocation is looked up by.
type selector struct{ kind, value string }

// ruling is all revocations that were made so far, and what is known of tokens.
type ruling struct {
	by        map[selector][]*effect
	ancestors map[string][]string // of each token that was granted: its lineage, itself, and its task
}

// effects goes through all entries once, those after the window too.
func (m *maker) effects() (all []*effect) {
	r := ruling{by: map[selector][]*effect{}, ancestors: map[string][]string{}}
	for i := range m.Entries {
		e := &m.Entries[i]
		switch {
		case e.Revoked != nil && e.Outcome == audit.OutcomeDone:
			f := &effect{entry: e, judged: judged(e)}
			all = append(all, f)
			r.add(f)
		case granted(e):
			r.granted(e)
		case e.Outcome == audit.OutcomeRefused && e.SubjectToken != nil && slices.Contains(deadReasons, e.Reason):
			r.refused(e)
		}
	}
	return all
}

// deadReasons are the words for a token that is no longer alive.
var deadReasons = []string{audit.ReasonRevoked, audit.ReasonNotAlive}

func judged(e *Entry) bool {
	if e.Kind != audit.KindRevocation {
		return false
	}
	k := e.Revoked.Kind
	return k == "token" || k == "task" || e.Revoked.Block && (k == "client" || k == "subject" && !erasedSelector(e))
}

func erasedSelector(e *Entry) bool {
	return slices.ContainsFunc(e.People, func(p audit.Person) bool { return p.Role == audit.RoleSelector && p.Erased })
}

func (r *ruling) add(f *effect) {
	s := selector{f.entry.Revoked.Kind, selected(f.entry)}
	if f.entry.Kind == audit.KindUnblock {
		for _, before := range r.by[s] {
			before.over = before.over || before.entry.Revoked.Block
		}
		return
	}
	r.by[s] = append(r.by[s], f)
}

// granted holds a grant to the revocations before it.
func (r *ruling) granted(e *Entry) {
	g := e.Granted
	r.ancestors[g.Token] = append(slices.Clone(g.Lineage), g.Token, g.Task)
	keys := []selector{{"task", g.Task}, {"client", e.Client}, {"subject", subject(e)}}
	for _, id := range g.Lineage {
		keys = append(keys, selector{"token", id})
	}
	for _, key := range keys {
		for _, f := range r.by[key] {
			if f.judged && !f.over && e.Rev >= f.entry.Revoked.Seq {
				f.slipped++
			}
		}
	}
}

// refused notes the first refusal of a token that a revocation killed.
func (r *ruling) refused(e *Entry) {
	keys := []selector{{"token", e.SubjectToken.ID}, {"client", e.Client}, {"subject", subject(e)}}
	for _, id := range r.ancestors[e.SubjectToken.ID] {
		keys = append(keys, selector{"token", id}, selector{"task", id})
	}
	for _, key := range keys {
		for _, f := range r.by[key] {
			if f.refused.IsZero() {
				f.refused = e.Time
			}
		}
	}
}
