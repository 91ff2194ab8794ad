package reconcile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/token"
)

const (
	data   = "https://data.example.com"
	models = "https://models.example.com"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// story is a record as it grows, one entry a second from noon on, and then an access log.
type story struct {
	*Record

	t     testing.TB
	index uint64
	seq   uint64
	log   strings.Builder
}

func begin(t testing.TB) *story { return &story{Record: NewRecord(noon, 1<<20), t: t} }

func (s *story) add(e audit.Event) uint64 {
	s.t.Helper()
	e.Time = noon.Add(time.Duration(s.index) * time.Second)
	if err := s.Add(s.index, &e); err != nil {
		s.t.Fatal(err)
	}
	s.index++
	return s.index - 1
}

func id(n int) token.ID {
	var id token.ID
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// granted is a token for reading data, ten minutes long, of a task of its own.
func (s *story) granted(n int, edit ...func(*audit.Event)) uint64 {
	s.t.Helper()
	e := audit.Event{
		Kind: audit.KindExchange, Outcome: audit.OutcomeGranted, Client: "agent", Rev: s.seq,
		People:       []audit.Person{{Role: audit.RoleSubject, Key: "ana"}},
		SubjectToken: &audit.Token{ID: id(9000 + n).String(), Issuer: "corp", Key: "corp/k1"},
		Granted: &audit.Granted{
			Token: id(n).String(), Task: id(1000 + n).String(), Audience: []string{data}, Scope: []string{"data.read"},
			Expires: noon.Add(10 * time.Minute), Key: "ours", Lineage: []string{id(9000 + n).String()},
		},
	}
	for _, edit := range edit {
		edit(&e)
	}
	return s.add(e)
}

// from makes the token a child of another.
func from(parent int, client string) func(*audit.Event) {
	return func(e *audit.Event) {
		e.Client, e.Granted.Key = client, "next"
		e.SubjectToken = &audit.Token{ID: id(parent).String(), Key: "ours"}
		e.Granted.Task = id(1000 + parent).String()
		e.Granted.Lineage = []string{id(9000 + parent).String(), id(parent).String()}
	}
}

func (s *story) revoke(kind, selector string, block bool) uint64 {
	s.seq++
	e := audit.Event{Kind: audit.KindRevocation, Outcome: audit.OutcomeDone, Revoked: &audit.Revoked{Kind: kind, Selector: selector, Seq: s.seq, Block: block}}
	if kind == "subject" {
		e.Revoked.Selector, e.People = "", []audit.Person{{Role: audit.RoleSelector, Key: selector}}
	}
	return s.add(e)
}

func (s *story) unblock(kind, selector string) {
	s.seq++
	s.add(audit.Event{Kind: audit.KindUnblock, Outcome: audit.OutcomeDone, Revoked: &audit.Revoked{Kind: kind, Selector: selector, Seq: s.seq}})
}

// done is an action with the token, so long after noon.
func (s *story) done(n int, after time.Duration, more string) {
	fmt.Fprintf(&s.log, `{"time":%q,"jti":%q%s}`+"\n", noon.Add(after).Format(time.RFC3339Nano), id(n), more)
}

// found is the findings of the log so far, each as its kind, its line and its entry.
func (s *story) found(q Question) (out []string, sum Summary) {
	s.t.Helper()
	if q.Fields == (Fields{}) {
		q.Fields = StandardFields()
	}
	q.After, q.Before = noon.Add(-time.Hour), noon.Add(time.Hour)
	sum, err := s.Log(strings.NewReader(s.log.String()), q, func(f Finding) error {
		entry := "-"
		if f.Entry != nil {
			entry = fmt.Sprint(*f.Entry)
		}
		out = append(out, fmt.Sprintf("%s %d %s %s", f.Kind, f.Line, entry, f.Why))
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out, sum
}

func (s *story) want(q Question, want ...string) Summary {
	s.t.Helper()
	got, sum := s.found(q)
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(want):
			s.t.Errorf("found too much: %s", got[i])
		case i >= len(got):
			s.t.Errorf("not found: %s", want[i])
		case !strings.HasPrefix(got[i], want[i]):
			s.t.Errorf("found %s, want %s", got[i], want[i])
		}
	}
	return sum
}

func TestWhatATokenAllows(t *testing.T) {
	s := begin(t)
	s.granted(1)
	s.granted(2, func(e *audit.Event) { e.Granted.Audience = nil })
	for _, a := range []struct {
		after time.Duration
		token int
		more  string
	}{
		{time.Minute, 1, ""},
		{time.Minute, 1, `,"scope":"data.read","resource":"https://data.example.com","status":200`},
		{time.Minute, 1, `,"scope":["data.read","data.write"]`},
		{time.Minute, 1, `,"resource":"https://models.example.com"`},
		{-time.Minute, 1, ""},
		{11 * time.Minute, 1, ""},
		{time.Minute, 2, ""},
		{time.Minute, 3, ""},
		{time.Minute, 3, `,"status":"403"`},
		{10*time.Minute + 4*time.Second, 1, ""}, // the clocks may be off
		{2 * time.Hour, 3, ""},
	} {
		s.done(a.token, a.after, a.more)
	}
	sum := s.want(Question{Skew: 5 * time.Second},
		"not_allowed 3 0 the token holds data.read only",
		"not_allowed 4 0 the token isn't for that resource",
		"not_allowed 5 0 the token was issued later, at 2026-11-25T12:00:00Z",
		"not_allowed 6 0 the token had ended, at 2026-11-25T12:10:00Z",
		"not_allowed 7 1 the token can only be traded",
		"no_token 8 - no such token")
	if sum.Actions != 9 || sum.Refused != 1 || sum.Outside != 1 || sum.Wrong() != 6 || sum.NotAsked != 1 {
		t.Errorf("%+v", sum)
	}
}

// A token is dead by whatever can kill it and those that it descends from, but not by what came before its root.
func TestWhatWasRevoked(t *testing.T) {
	child := from(1, "summarizer")
	for name, tc := range map[string]struct {
		kind, selector string
		block          bool
		dead           []int // of 1, its child 2, and 3, whose root is younger than the revocation
	}{
		"the token":          {"token", id(2).String(), false, []int{2}},
		"its parent":         {"token", id(1).String(), false, []int{1, 2}},
		"the outside token":  {"token", id(9001).String(), false, []int{1, 2}},
		"the task":           {"task", id(1001).String(), false, []int{1, 2}},
		"another task":       {"task", id(1002).String(), false, nil},
		"the person":         {"subject", "ana", false, []int{1, 2}},
		"another person":     {"subject", "bo", false, nil},
		"the agent":          {"client", "agent", false, []int{1, 2}},
		"the sub-agent":      {"client", "summarizer", false, []int{2}},
		"the agent, for all": {"client", "agent", true, []int{1, 2, 3}},
		"the issuer":         {"issuer", "corp", false, []int{1, 2, 3}},
		"another issuer":     {"issuer", "ci", false, nil},
		"the issuer's key":   {"key", "corp/k1", false, []int{1, 2, 3}},
		"our key":            {"key", "ours", false, []int{1, 2, 3}},
		"our next key":       {"key", "next", false, []int{2}},
		"a group":            {"group", "corp:research", false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			s.granted(1)
			s.granted(2, child)
			entry := s.revoke(tc.kind, tc.selector, tc.block)
			s.granted(3)
			var want []string
			for n := 1; n <= 3; n++ {
				s.done(n, 2*time.Second, "") // when it was revoked, which nobody could know of yet
				s.done(n, 20*time.Second, "")
				if slices.Contains(tc.dead, n) {
					want = append(want, fmt.Sprintf("after_revocation %d %d the token had been revoked, at 2026-11-25T12:00:02Z", 2*n, entry))
				}
			}
			sum := s.want(Question{Skew: 5 * time.Second}, want...)
			if (sum.Groups > 0) != (tc.kind == "group") {
				t.Errorf("%d revocations by group", sum.Groups)
			}
		})
	}
}

// A subject is also the client that acts, whose tokens' entries have its name: the record says whose pseudonym it is, or
// that it can't tell.
func TestAClientIsRevokedAsTheSubjectThatActs(t *testing.T) {
	named := func(issuer, subject string) func(*story) uint64 {
		return func(s *story) uint64 {
			s.seq++
			return s.add(audit.Event{Kind: audit.KindRevocation, Outcome: audit.OutcomeDone, Revoked: &audit.Revoked{Kind: "subject", Seq: s.seq},
				People: []audit.Person{{Role: audit.RoleSelector, Key: "pseudonym", Personal: audit.Personal{Issuer: issuer, Subject: subject}}}})
		}
	}
	sealed := named("", "")
	for name, tc := range map[string]struct {
		revoke func(*story) uint64
		dead   []int // of 1, and its child 2 in which the summarizer acts, too
		told   uint64
	}{
		"the agent":           {named("", "agent"), []int{1, 2}, 0},
		"the sub-agent":       {named("", "summarizer"), []int{2}, 0},
		"another client":      {named("", "exporter"), nil, 0},
		"a person called so":  {named("corp", "agent"), nil, 0},
		"somebody, in a copy": {sealed, nil, 1},
		"who asked for itself, in a copy": {func(s *story) uint64 {
			s.granted(3, func(e *audit.Event) {
				e.Kind, e.Client, e.SubjectToken = audit.KindClientCredentials, "summarizer", nil
				e.People[0].Key = "pseudonym"
			})
			return sealed(s)
		}, []int{2}, 0},
		"whom an issuer spoke for, in a copy": {func(s *story) uint64 {
			s.granted(3, func(e *audit.Event) { e.People[0].Key = "pseudonym" })
			return sealed(s)
		}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			s.granted(1)
			s.granted(2, from(1, "summarizer"))
			entry := tc.revoke(s)
			var want []string
			for n := 1; n <= 2; n++ {
				s.done(n, time.Minute, "")
				if slices.Contains(tc.dead, n) {
					want = append(want, fmt.Sprintf("after_revocation %d %d", n, entry))
				}
			}
			if s.tokens[id(3)] != nil {
				want = append(want, "never_used 0 2")
			}
			if sum := s.want(Question{}, want...); sum.Subjects != tc.told {
				t.Errorf("%d revocations can't be told, want %d", sum.Subjects, tc.told)
			}
		})
	}
}

func TestABlockThatWasLiftedRevivesNothingOlder(t *testing.T) {
	s := begin(t)
	s.granted(1)
	entry := s.revoke("client", "agent", true)
	s.granted(2) // which the block would have refused
	s.unblock("client", "agent")
	s.done(1, time.Minute, "")
	s.done(2, time.Minute, "")
	s.want(Question{}, fmt.Sprintf("after_revocation 1 %d", entry))
}

// A child carries its root's sequence, however late it was made itself.
func TestAChildIsAsOldAsItsRoot(t *testing.T) {
	s := begin(t)
	s.granted(1)
	entry := s.revoke("subject", "ana", false)
	s.granted(2, from(1, "agent")) // by a replica that didn't know yet
	s.done(1, time.Second, "")
	s.done(2, time.Minute, "")
	s.want(Question{}, fmt.Sprintf("after_revocation 2 %d", entry))
}

func TestTokensThatNobodyUsed(t *testing.T) {
	s := begin(t)
	s.granted(1)
	s.granted(2)
	s.granted(3, func(e *audit.Event) { e.Granted.Audience = []string{models} })
	s.granted(4, func(e *audit.Event) { e.Granted.Audience = nil })
	s.add(audit.Event{Kind: audit.KindUses, Uses: &audit.Uses{Rows: []audit.Usage{{Token: id(1).String(), Count: 5}, {Token: id(2).String(), Count: 1}, {Count: 9}}}})
	s.done(1, time.Minute, `,"resource":"https://data.example.com"`)
	sum := s.want(Question{}, "never_used 0 1 nothing was done with the token; Whittle was asked about it once")
	if sum.Tokens != 2 || sum.NotAsked != 0 || sum.Wrong() != 0 {
		t.Errorf("%+v", sum)
	}
	s.want(Question{Resources: []string{models}}, "never_used 0 2 nothing was done with the token")
	s.log.Reset()
	s.done(1, time.Minute, "") // it names no resource, so it is of the one whose log it is
	s.want(Question{Resources: []string{models}}, "not_allowed 1 0 the token isn't for that resource", "never_used 0 2")
}

// A log that knows only tasks: one token of the task that allows it is enough.
func TestByTask(t *testing.T) {
	s := begin(t)
	s.granted(1, func(e *audit.Event) { e.Granted.Audience = nil })
	s.granted(2, from(1, "agent"))
	for _, more := range []string{id(1001).String() + `","scope":"data.read`, id(1001).String() + `","scope":"data.write`, id(1002).String(), "nightly"} {
		fmt.Fprintf(&s.log, `{"time":"2026-11-25T12:01:00Z","txn":"%s"}`+"\n", more)
	}
	s.want(Question{}, "not_allowed 2 1 the token holds", "no_token 3 - no token of such a task", "no_token 4 - it doesn't name its task")
}

func TestLinesOfManyForms(t *testing.T) {
	s := begin(t)
	s.granted(1)
	for _, line := range []string{
		`{"ts":"2026-11-25T12:01:00.123456+00:00","auth":{"id":"$"}}`,
		`{"ts":"25/Nov/2026:13:01:00 +0100","auth":{"id":"$"}}`,
		`{"ts":1795608060,"auth":{"id":"$"}}`,
		`{"ts":1795608060.123,"auth":{"id":"$"}}`,
		`{"ts":1795608060123,"auth":{"id":"$"}}`,
		`{"ts":"1795608060","auth.id":"$","auth":7}`,
		``,
		`{"ts":null,"auth":{"id":"$"}}`,
		`{"ts":"yesterday","auth":{"id":"$"}}`,
		`{"ts":1e300,"auth":{"id":"$"}}`,
		`{"ts":-1,"auth":{"id":"$"}}`,
		`["$"]`,
		`null`,
		`{"ts":`,
		`{"ts":"2026-11-25T12:01:00Z","auth":["$"]}`,
	} {
		s.log.WriteString(strings.ReplaceAll(line, "$", id(1).String()) + "\n")
	}
	fields := StandardFields()
	for _, text := range []string{"time=ts", "token=auth.id"} {
		if err := fields.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	s.want(Question{Fields: fields},
		"unreadable 8 - not an action: it has no time", "unreadable 9 - not an action: its time can't be read", "unreadable 10", "unreadable 11",
		"unreadable 12 - not an action: it is no JSON object", "unreadable 13", "unreadable 14", "no_token 15 - it names neither a token nor a task")
	for _, text := range []string{"", "time", "time=", "jti=x", "=x"} {
		if fields.Set(text) == nil {
			t.Errorf("took %q", text)
		}
	}
}

// Whatever a log has where ids belong is shown to nobody: it may be a token.
func TestNoTokenIsShown(t *testing.T) {
	const secret = "eyJhbGciOiJFUzI1NiJ9.e30.c2VjcmV0"
	s := begin(t)
	for _, line := range []string{
		`{"time":1795608060,"jti":"%s"}`, `{"time":1795608060,"txn":"%s"}`, `{"time":1795608060,"jti":"AAAAAAAAAAAAAAAAAAAAAA","txn":"%s"}`,
		`%s`, `{"time":"%s"}`, `{"time":1795608060,"jti":["%s"]}`,
	} {
		fmt.Fprintf(&s.log, line+"\n", secret)
	}
	n := 0
	_, err := s.Log(strings.NewReader(s.log.String()), Question{Fields: StandardFields(), Before: noon.Add(time.Hour)}, func(f Finding) error {
		n++
		if strings.Contains(fmt.Sprintf("%+v", f), "c2VjcmV0") {
			t.Errorf("%+v", f)
		}
		return nil
	})
	if err != nil || n != 6 {
		t.Errorf("%d findings, %v", n, err)
	}
}

// Whoever has a resource server write odd lines hides neither them nor the lines after them, and spends no memory.
func TestHostileLines(t *testing.T) {
	s := begin(t)
	s.granted(1)
	at := `{"time":"2026-11-25T12:01:00Z",`
	for _, line := range []string{
		at + `"x":"` + strings.Repeat("x", 3*maxLine) + `"}`,
		at + `"jti":"` + id(9).String() + `","jti":"$","scope":"data.read"}`, // which one counts?
		at + `"jti":"$","scope":"data.read","x":{"y":1,"y":2}}`,
		at + `"jti":"$","scope":"data.read","x":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + `}`,
		at + `"jti":"$","scope":"data.read","x":"` + "\xff" + `"}`,
		at + `"jti":"$","scope":["data.write",7]}`,
		at + `"jti":"$","scope":{"data.write":true}}`,
		at + `"jti":"$","scope":7}`,
		at + `"jti":"$","scope":"data.write","status":99999999999999999999}`,
		"\x00",
		at + `"jti":"` + id(8).String() + `"}` + "\r",
		at + `"jti":"$","scope":null}`,
	} {
		s.log.WriteString(strings.ReplaceAll(line, "$", id(1).String()) + "\n")
	}
	s.log.WriteString(strings.Repeat("x", 2*maxLine)) // and no end
	s.want(Question{Fields: StandardFields()},
		"unreadable 1 - not an action: it is longer than 1 MiB", "unreadable 2 - not an action: it is no JSON object", "unreadable 3", "unreadable 4", "unreadable 5",
		"unreadable 6 - not an action: its scope can't be read", "unreadable 7", "unreadable 8", "not_allowed 9", "unreadable 10", "no_token 11",
		"unreadable 13 - not an action: it is longer than 1 MiB")
}

func TestARecordHasItsBounds(t *testing.T) {
	small := NewRecord(noon, 1)
	e := audit.Event{Time: noon, Granted: &audit.Granted{Token: id(1).String(), Task: id(2).String()}}
	if err := small.Add(0, &e); err != nil {
		t.Fatal(err)
	}
	e.Granted.Token = id(3).String()
	if err := small.Add(1, &e); err == nil {
		t.Error("more tokens than may be were taken")
	}
}

// What was dropped matters only if it would be needed.
func TestWhatWasDropped(t *testing.T) {
	for _, c := range []struct {
		class  audit.Class
		before time.Time
		needed bool
	}{
		{audit.ClassRefused, noon.Add(time.Hour), false},
		{audit.ClassUsed, noon, false},
		{audit.ClassUsed, noon.Add(time.Second), true},
		{audit.ClassIssued, noon.Add(-Lookback), false},
		{audit.ClassIssued, noon.Add(time.Second - Lookback), true},
		{audit.ClassRevoked, noon.Add(-Lookback), false},
		{audit.ClassRevoked, noon, true},
	} {
		e := audit.Event{Kind: audit.KindRetention, Outcome: audit.OutcomeDone, Time: noon.Add(time.Hour), Dropped: &audit.Dropped{Class: c.class, Before: c.before}}
		if err := NewRecord(noon, 1).Add(7, &e); errors.Is(err, ErrDropped) != c.needed || err != nil && !c.needed {
			t.Errorf("%s before %s: %v", c.class, c.before, err)
		}
	}
}

// BenchmarkRecord is what a token of the record takes while all are held.
func BenchmarkRecord(b *testing.B) {
	s := begin(b)
	s.most = 1 << 30
	held := heap()
	n := 0
	for b.Loop() {
		n++
		s.granted(n)
	}
	b.ReportMetric(float64(heap()-held)/float64(n), "held-B/token")
	runtime.KeepAlive(s)
}

// heap is the bytes that are alive.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkLog is what a line of an access log takes.
func BenchmarkLog(b *testing.B) {
	s := begin(b)
	s.granted(1)
	for range 10_000 {
		s.done(1, time.Minute, `,"scope":"data.read","action":"GET","status":200,"resource":"https://data.example.com"`)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.found(Question{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/line")
}
