package report

import (
	"maps"
	"slices"
	"strings"
)

// access is who may do what under the policy in force, which policies were in force in the window, who used what
// they may, and when last.
func (m *maker) access() {
	m.report.Title = "Access review"
	m.report.About = "Who may do what under the policy in force, and who made use of it. What nobody used is what can be taken away first."
	a := m.accesses()
	unused, idle := 0, 0
	for _, b := range m.Policy.Bindings {
		if a.bindings[b.Name] == nil {
			unused++
		}
	}
	for _, c := range m.Policy.Clients {
		if a.asked[c.ID] == nil && a.denied[c.ID] == nil {
			idle++
		}
	}
	m.count("tokens granted", "Exchanges and client credentials in the window that gave a token.", a.tokens)
	m.count("people and services", "Subjects of these tokens, each once.", uint64(len(a.people)))
	m.count("clients", "Clients that got them.", uint64(len(a.asked)))
	m.count("refusals", "Requests of authenticated clients that were refused, those that were only counted included.", a.refusals)
	told, uncovered := m.usesTold()
	m.count("uses on record", "Introspections by a server of a resource that the token is for, but for those of a scope that it didn't hold there. Who verifies tokens locally asks nothing.", told)
	m.count("uses not covered", "Uses for which the resource server named a scope that the token didn't hold there.", uncovered)
	m.count("bindings unused", "Bindings of the policy in force that no token of the window rests on. People who were erased are no longer known to rest on one.", uint64(unused))
	m.count("clients idle", "Clients of the policy in force that neither got a token nor were refused one. Those that only introspect are among them.", uint64(idle))
	m.plot("Tokens granted and requests refused", "By the time of the entry.", []string{"granted", "refused"}, func(e *Entry) (string, uint64) {
		if granted(e) {
			return "granted", 1
		}
		return "refused", refused(e)
	})
	m.bindings(a.bindings, a.holders)
	m.clients(a.asked, a.denied)
	m.used()
	m.versions()
}

// accesses is what a look through the window finds.
type accesses struct {
	tokens, refusals uint64
	people           set
	asked, denied    tallies[string] // by client
	bindings         tallies[string]
	holders          map[string]set // by binding
}

func (m *maker) accesses() accesses {
	a := accesses{people: set{}, asked: tallies[string]{}, denied: tallies[string]{}, bindings: tallies[string]{}, holders: map[string]set{}}
	for i := range m.window {
		e := &m.window[i]
		if n := refused(e); n > 0 {
			a.refusals += n
			a.denied.of(e.Client).add(n, e.Time)
		}
		if granted(e) {
			a.tokens++
			a.people.add(subject(e))
			a.asked.of(e.Client).add(1, e.Time)
			a.rests(e)
		}
	}
	return a
}

// rests notes the bindings that the token rests on.
func (a *accesses) rests(e *Entry) {
	for i := range e.People {
		for _, b := range e.People[i].Bindings {
			a.bindings.of(b).add(1, e.Time)
			if a.holders[b] == nil {
				a.holders[b] = set{}
			}
			a.holders[b].add(who(&e.People[i]))
		}
	}
}

// bindings is what each binding gives, and to whom it did.
func (m *maker) bindings(used tallies[string], holders map[string]set) {
	var rows [][]string
	for _, b := range m.Policy.Bindings {
		var limits []string
		if b.When != "" {
			limits = append(limits, b.When)
		}
		if b.Hours {
			limits = append(limits, "within its hours")
		}
		if !b.Expires.IsZero() {
			limits = append(limits, "until "+moment(b.Expires))
		}
		t := tally{}
		if used[b.Name] != nil {
			t = *used[b.Name]
		}
		rows = append(rows, []string{
			b.Name, b.Role, strings.Join(b.To, ", "), list(b.Scopes), strings.Join(limits, "; "),
			number(t.n), number(len(holders[b.Name])), moment(t.last),
		})
	}
	m.table(OfLog, "What each binding gives", "The bindings of policy version "+number(m.Version)+", as the server has it; the last three columns are the log's: tokens that rest on the binding, the people they speak for, and the last of them.",
		[]string{"binding", "role", "held by", "scopes", "only if", "tokens", "people", "last used"}, rows)
}

func (m *maker) clients(asked, denied tallies[string]) {
	var rows [][]string
	for _, c := range m.Policy.Clients {
		var may []string
		for _, p := range c.May {
			may = append(may, string(p))
		}
		var got, not tally
		if t := asked[c.ID]; t != nil {
			got = *t
		}
		if t := denied[c.ID]; t != nil {
			not = *t
		}
		last := got.last
		if not.last.After(last) {
			last = not.last
		}
		rows = append(rows, []string{c.ID, list(c.Ceiling), list(may), list(c.Serves), number(got.n), number(not.n), moment(last)})
	}
	m.table(OfLog, "What each client may", "The clients of policy version "+number(m.Version)+", as the server has it: the most that each may hold, what it may do with Whittle itself, and where it introspects; the last three columns are the log's.",
		[]string{"client", "ceiling", "permissions", "serves", "tokens", "refused", "last"}, rows)
}

// used is which scopes who got through which client.
func (m *maker) used() {
	type pair struct{ person, client string }
	counts, exercised, scopes, of := tallies[pair]{}, tallies[pair]{}, map[pair]set{}, map[string]pair{}
	for i := range m.window {
		e := &m.window[i]
		for _, u := range uses(e) {
			p, known := of[u.Token]
			if !known {
				p = pair{"(a token from before the window)", u.Client}
				counts.of(p)
			}
			if !u.Uncovered {
				exercised.of(p).add(u.Count, e.Time)
			}
		}
		if !granted(e) {
			continue
		}
		p := pair{subject(e), e.Client}
		of[e.Granted.Token] = p
		counts.of(p).add(1, e.Time)
		if scopes[p] == nil {
			scopes[p] = set{}
		}
		for _, s := range scopesOf(e.Granted) {
			scopes[p].add(s)
		}
	}
	var rows [][]string
	for _, p := range counts.sorted(func(p pair) string { return p.person + "\x00" + p.client }) {
		rows = append(rows, []string{p.person, p.client, list(slices.Sorted(maps.Keys(scopes[p]))), number(counts[p].n), moment(counts[p].last), number(exercised.of(p).n), moment(exercised.of(p).last)})
	}
	m.table(OfLog, "Who got what, and used it", "For each subject and client: all scopes that a token of the window had or could be traded for, whatever the policy says today; and the uses that its token covers, by the time of their entries.",
		[]string{"subject", "client", "scopes", "tokens", "last", "uses", "last use"}, rows)
}

// usesTold is how many uses the window's entries tell of, and how many that the token didn't cover.
func (m *maker) usesTold() (covered, uncovered uint64) {
	for i := range m.window {
		for _, u := range uses(&m.window[i]) {
			if u.Uncovered {
				uncovered += u.Count
			} else {
				covered += u.Count
			}
		}
	}
	return covered, uncovered
}

// versions is the policies that were in force in the window: those applied in it, and the one before.
func (m *maker) versions() {
	var rows [][]string
	for _, v := range m.Versions { // the newest first
		if !v.Applied.Before(m.To) {
			continue
		}
		rows = append(rows, []string{number(v.Version), moment(v.Applied), v.By, v.Note})
		if !v.Applied.After(m.From) {
			break
		}
	}
	m.table(OfServer, "Policies in force in the window", "The newest first. Each is still there: whittle policy show VERSION.", []string{"version", "applied", "by", "note"}, rows)
}
