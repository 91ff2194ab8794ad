package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/token"
)

// Lookback is how far before an action the record has to be read: no task, and so no token, lives longer.
const Lookback = 7*24*time.Hour + time.Hour

// ErrDropped says that what the record said of that time is in parts dropped.
var ErrDropped = errors.New("what the record said of that time was dropped in parts")

// Record is what the audit log says of tokens: what was granted, used and revoked. It takes some 700 bytes a token.
type Record struct {
	after   time.Time // actions before then aren't looked at
	most    int
	tokens  map[token.ID]*grant
	tasks   map[token.ID][]*grant
	revoked map[selector][]*revocation
	named   names
	shared  map[string]string // texts that are in many entries, once

	Entries     uint64 // that were read
	GroupsTaken uint64 // revocations by group: which tokens rest on one, entries say only sealed
}

// grant is a token as its entry tells of it.
type grant struct {
	entry           uint64
	id, task        token.ID
	parent          token.ID   // the token of ours that it was traded from; zero: none
	lineage         []token.ID // what it descends from
	issued, expires time.Time
	rev             uint64
	scope, audience []string
	rests           []selector // what else it can be revoked by, without what its ancestors can
	asked           uint64     // uses that the record has
	seen            uint64     // actions in the access log
}

// selector is what a revocation names; a subject by the pseudonym of the entries.
type selector struct{ kind, value string }

// revocation is one that is on the record.
type revocation struct {
	entry  uint64
	at     time.Time
	seq    uint64
	always bool      // it kills whatever came before or after, until it is lifted
	lifted time.Time // zero: it wasn't
}

// NewRecord is empty; it takes what tells of actions after then, and at most so many tokens.
func NewRecord(after time.Time, most int) *Record {
	return &Record{
		after: after, most: most, tokens: make(map[token.ID]*grant), tasks: make(map[token.ID][]*grant),
		revoked: make(map[selector][]*revocation), shared: make(map[string]string),
		named: names{clients: make(map[string][]string), others: make(map[string]bool)},
	}
}

// Add takes the log's next entry that has a body. ErrDropped: it says that others, which are needed, have none.
func (r *Record) Add(index uint64, e *audit.Event) error {
	from := r.after.Add(-Lookback)
	if e.Time.Before(from) {
		return nil
	}
	r.Entries++
	r.named.learn(e)
	switch {
	case e.Dropped != nil:
		return r.dropped(index, e.Dropped, from)
	case e.Granted != nil:
		return r.grant(index, e)
	case e.Revoked != nil:
		r.revocation(index, e)
	case e.Uses != nil:
		for _, row := range e.Uses.Rows {
			if id, err := token.ParseID(row.Token); err == nil && r.tokens[id] != nil {
				r.tokens[id].asked += row.Count
			}
		}
	}
	return nil
}

// dropped looks at whether bodies were dropped that are needed. Uses are only counted, those of the time looked at.
func (r *Record) dropped(index uint64, d *audit.Dropped, from time.Time) error {
	first := d.Before.Add(Lookback)
	switch d.Class {
	case audit.ClassRefused:
		return nil
	case audit.ClassUsed:
		from, first = r.after, d.Before
	case audit.ClassIssued, audit.ClassRevoked:
	}
	if !d.Before.After(from) {
		return nil
	}
	return fmt.Errorf("%w: entry %d says that of class %s, all before %s; look at what came after %s",
		ErrDropped, index, d.Class, d.Before.Format(time.RFC3339), first.Format(time.RFC3339))
}

func (r *Record) grant(index uint64, e *audit.Event) error {
	if len(r.tokens) >= r.most {
		return fmt.Errorf("more than %d tokens were granted in that time: look at less of it, or allow for more", r.most)
	}
	g := &grant{
		entry: index, issued: e.Time, expires: e.Granted.Expires, rev: e.Rev,
		scope: r.keep(e.Granted.Scope), audience: r.keep(e.Granted.Audience),
	}
	var err error
	if g.id, err = token.ParseID(e.Granted.Token); err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	if g.task, err = token.ParseID(e.Granted.Task); err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	for _, text := range e.Granted.Lineage {
		id, err := token.ParseID(text)
		if err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		g.lineage = append(g.lineage, id)
	}
	if t := e.SubjectToken; t != nil && t.Issuer == "" {
		g.parent, _ = token.ParseID(t.ID) // it is in the lineage, so it was read already
	}
	r.restsOn(g, "client", e.Client)
	r.restsOn(g, "key", e.Granted.Key)
	for _, t := range []*audit.Token{e.SubjectToken, e.ActorToken} {
		if t != nil {
			r.restsOn(g, "issuer", t.Issuer)
			r.restsOn(g, "key", t.Key)
		}
	}
	for _, p := range e.People {
		r.restsOn(g, "subject", p.Key)
	}
	r.tokens[g.id] = g
	r.tasks[g.task] = append(r.tasks[g.task], g)
	return nil
}

func (r *Record) restsOn(g *grant, kind, value string) {
	if value != "" {
		g.rests = append(g.rests, selector{kind, r.keep([]string{value})[0]})
	}
}

// keep is the texts, each of which is in memory once.
func (r *Record) keep(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		kept, ok := r.shared[text]
		if !ok {
			kept = strings.Clone(text)
			r.shared[kept] = kept
		}
		out[i] = kept
	}
	return out
}

func (r *Record) revocation(index uint64, e *audit.Event) {
	s := selector{e.Revoked.Kind, e.Revoked.Selector}
	for _, p := range e.People {
		if p.Role == audit.RoleSelector {
			s.value = p.Key
		}
	}
	switch {
	case e.Kind == audit.KindUnblock:
		for _, past := range r.revoked[s] {
			if past.always && past.lifted.IsZero() {
				past.lifted = e.Time
			}
		}
	case e.Kind != audit.KindRevocation || e.Outcome != audit.OutcomeDone:
	case s.kind == "group":
		r.GroupsTaken++
	default:
		always := e.Revoked.Block || slices.Contains([]string{"issuer", "key"}, s.kind)
		r.revoked[s] = append(r.revoked[s], &revocation{entry: index, at: e.Time, seq: e.Revoked.Seq, always: always})
	}
}

// killed is the revocation that had killed the token at that time, or nil.
func (r *Record) killed(g *grant, at time.Time) *revocation {
	if len(r.revoked) == 0 {
		return nil
	}
	rev := r.rootRev(g)
	if v := r.hit(selector{"task", g.task.String()}, rev, at); v != nil {
		return v
	}
	for _, id := range append([]token.ID{g.id}, g.lineage...) {
		if v := r.hit(selector{"token", id.String()}, rev, at); v != nil {
			return v
		}
		ancestor := r.tokens[id]
		if ancestor == nil {
			continue // an outside token, or one before what was read
		}
		for _, s := range ancestor.rests {
			if v := r.hit(s, rev, at); v != nil {
				return v
			}
		}
	}
	return nil
}

// hit is the revocation of the selector that kills at that time what has this sequence, if there is one.
func (r *Record) hit(s selector, rev uint64, at time.Time) *revocation {
	for _, v := range r.revoked[s] {
		blocked := v.always && (v.lifted.IsZero() || at.Before(v.lifted))
		if v.at.Before(at) && (s.kind == "token" || blocked || rev < v.seq) {
			return v
		}
	}
	if s.kind == "client" {
		for _, pseudonym := range r.named.clients[s.value] { // a subject is also the client that acts
			if v := r.hit(selector{"subject", pseudonym}, rev, at); v != nil {
				return v
			}
		}
	}
	return nil
}

// rootRev is the revocation sequence that the token carries: a child keeps its parent's.
func (r *Record) rootRev(g *grant) uint64 {
	for range len(g.lineage) {
		parent := r.tokens[g.parent]
		if parent == nil {
			break
		}
		g = parent
	}
	return g.rev
}
