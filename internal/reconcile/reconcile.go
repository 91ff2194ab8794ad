package reconcile

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/whittle-sts/whittle/internal/token"
)

// Kind is what doesn't fit together.
type Kind string

// The kinds of findings. A kind may be added, never given another meaning.
const (
	NoToken         Kind = "no_token"         // an action without a token that is on the record
	NotAllowed      Kind = "not_allowed"      // with a token that didn't allow it
	AfterRevocation Kind = "after_revocation" // with a token that was revoked
	Unreadable      Kind = "unreadable"       // a line that can't be held against anything
	NeverUsed       Kind = "never_used"       // a token that is in no action
)

// Finding is one thing that doesn't fit together. What isn't known, or doesn't apply, is empty.
type Finding struct {
	Kind     Kind      `json:"finding"`
	Why      string    `json:"why"`
	Line     uint64    `json:"line,omitzero"`
	Time     time.Time `json:"time,omitzero"` // of the action, or of the grant
	Token    string    `json:"token_id,omitzero"`
	Task     string    `json:"task,omitzero"`
	Scope    []string  `json:"scope,omitempty"`
	Action   string    `json:"action,omitzero"`
	Resource string    `json:"resource,omitzero"`
	Entry    *uint64   `json:"entry,omitzero"` // of the grant or the revocation
}

// Summary is what was looked at.
type Summary struct {
	Entries  uint64          `json:"entries"`
	Tokens   int             `json:"tokens"` // granted in the time looked at, to be used there
	Actions  uint64          `json:"actions"`
	Refused  uint64          `json:"refused"`  // lines of requests that the resource server refused
	Outside  uint64          `json:"outside"`  // lines of another time
	NotAsked int             `json:"unasked"`  // tokens with actions for which nobody asked Whittle, as far as is recorded
	Groups   uint64          `json:"groups"`   // revocations by group, which can't be held against tokens
	Subjects uint64          `json:"subjects"` // revocations by a sealed subject: if it is a client, what it acted in can't be told
	Findings map[Kind]uint64 `json:"findings"` // how many of each kind
}

// Wrong is how many findings are about actions, unreadable lines included.
func (s *Summary) Wrong() uint64 {
	return s.Findings[NoToken] + s.Findings[NotAllowed] + s.Findings[AfterRevocation] + s.Findings[Unreadable]
}

// Question is what is asked of an access log.
type Question struct {
	Fields        Fields
	After, Before time.Time
	Skew          time.Duration // how far the resource server's clock may be off
	Resources     []string      // whose log it is: lines that name none are of the first; none: of whatever its lines name
}

// Log holds an access log against the record, line by line, and then the record against the log. Findings about lines
// come in their order; the tokens that nobody used come last, in the order of their grants.
func (r *Record) Log(log io.Reader, q Question, found func(Finding) error) (Summary, error) {
	j := judge{record: r, question: q, resources: make(map[string]bool), sum: Summary{Entries: r.Entries, Groups: r.GroupsTaken, Subjects: r.unnamed(), Findings: map[Kind]uint64{}}}
	j.found = func(f Finding) error {
		j.sum.Findings[f.Kind]++
		return found(f)
	}
	for _, resource := range q.Resources {
		j.resources[resource] = true
	}
	if err := q.Fields.lines(log, j.line); err != nil {
		return Summary{}, err
	}
	err := j.unused()
	return j.sum, err
}

// judge is one reconciliation under way.
type judge struct {
	record    *Record
	question  Question
	resources map[string]bool // whose log it is
	found     func(Finding) error
	sum       Summary
}

func (j *judge) line(a action, err error) error {
	switch {
	case err != nil:
		return j.found(Finding{Kind: Unreadable, Line: a.line, Why: err.Error()})
	case a.at.Before(j.question.After) || !a.at.Before(j.question.Before):
		j.sum.Outside++
		return nil
	case a.status >= 400:
		j.sum.Refused++
		return nil
	}
	j.sum.Actions++
	if a.resource == "" && len(j.question.Resources) > 0 {
		a.resource = j.question.Resources[0]
	}
	if len(j.question.Resources) == 0 && a.resource != "" {
		j.resources[a.resource] = true
	}
	candidates, missing := j.candidates(&a)
	var worst *Finding
	allowed := false
	for _, g := range candidates {
		f := j.hold(g, &a)
		if f == nil || a.token != "" {
			g.seen++
		}
		allowed = allowed || f == nil
		worst = cmp.Or(f, worst)
	}
	switch {
	case allowed:
		return nil
	case worst == nil:
		worst = &Finding{Kind: NoToken, Why: missing}
	}
	return j.found(a.tell(*worst))
}

// candidates is the tokens that the action may have been done with, or why there are none.
func (j *judge) candidates(a *action) (list []*grant, missing string) {
	switch {
	case a.token == "" && a.task == "":
		return nil, "it names neither a token nor a task"
	case a.token != "":
		id, err := token.ParseID(a.token)
		if err != nil {
			a.token = "" // whatever it is, it may be a token itself
			return nil, "it doesn't name its token by an id (jti)"
		}
		if g := j.record.tokens[id]; g != nil {
			return []*grant{g}, ""
		}
		return nil, "no such token is on the record"
	}
	id, err := token.ParseID(a.task)
	if err != nil {
		return nil, "it doesn't name its task by an id (txn)"
	}
	return j.record.tasks[id], "no token of such a task is on the record"
}

// hold says what is wrong with doing this with the token, or nil.
func (j *judge) hold(g *grant, a *action) *Finding {
	skew := j.question.Skew
	not := func(format string, args ...any) *Finding {
		return &Finding{Kind: NotAllowed, Token: g.id.String(), Entry: &g.entry, Why: fmt.Sprintf(format, args...)}
	}
	switch {
	case len(g.audience) == 0:
		return not("the token can only be traded, not used")
	case a.resource != "" && !slices.Contains(g.audience, a.resource):
		return not("the token isn't for that resource")
	case a.at.Before(g.issued.Add(-skew)):
		return not("the token was issued later, at %s", g.issued.Format(time.RFC3339))
	case a.at.After(g.expires.Add(skew)):
		return not("the token had ended, at %s", g.expires.Format(time.RFC3339))
	}
	for _, name := range a.scope {
		if !slices.Contains(g.scope, name) {
			return not("the token holds %s only", strings.Join(g.scope, " "))
		}
	}
	if v := j.record.killed(g, a.at.Add(-skew)); v != nil {
		return &Finding{
			Kind: AfterRevocation, Token: g.id.String(), Entry: &v.entry,
			Why: "the token had been revoked, at " + v.at.Format(time.RFC3339),
		}
	}
	return nil
}

// tell fills in what the action says.
func (a *action) tell(f Finding) Finding {
	if _, err := token.ParseID(a.task); err != nil {
		a.task = "" // it may be anything
	}
	f.Line, f.Time, f.Task, f.Scope, f.Action, f.Resource = a.line, a.at, a.task, a.scope, a.does, a.resource
	if f.Token == "" {
		f.Token = a.token
	}
	return f
}

// unused tells of the tokens that were granted in the time looked at, for a resource whose log it is, and are in no
// action.
func (j *judge) unused() error {
	ours := slices.SortedFunc(maps.Values(j.record.tokens), func(a, b *grant) int { return cmp.Compare(a.entry, b.entry) })
	for _, g := range ours {
		if g.issued.Before(j.question.After) || !g.issued.Before(j.question.Before) || !slices.ContainsFunc(g.audience, func(r string) bool {
			return len(j.resources) == 0 || j.resources[r]
		}) {
			continue
		}
		j.sum.Tokens++
		if g.seen > 0 {
			if g.asked == 0 {
				j.sum.NotAsked++
			}
			continue
		}
		why := "nothing was done with the token"
		switch {
		case g.asked == 1:
			why += "; Whittle was asked about it once"
		case g.asked > 1:
			why += fmt.Sprintf("; Whittle was asked about it %d times", g.asked)
		}
		f := Finding{
			Kind: NeverUsed, Why: why, Time: g.issued, Token: g.id.String(), Task: g.task.String(), Scope: g.scope, Entry: &g.entry,
			Resource: strings.Join(g.audience, " "),
		}
		if err := j.found(f); err != nil {
			return err
		}
	}
	return nil
}
