package report

import (
	"fmt"
	"math/bits"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/audit"
)

// moments are inside of the window, outside of it, and at its edges.
var moments = []time.Time{
	begin.Add(-hour), begin.Add(-1), begin, begin.Add(hour), begin.Add(9 * 24 * hour), begin.Add(20 * 24 * hour), end.Add(-hour), end.Add(-1), end, end.Add(hour),
}

// anyEntry is any entry around the window, of few names, so that they meet.
func anyEntry(t *rapid.T, index int) Entry {
	name := func(what string) string { return fmt.Sprint(what, rapid.IntRange(0, 3).Draw(t, what)) }
	e := audit.Event{
		Time: rapid.SampledFrom(moments).Draw(t, "at"),
		Rev:  uint64(rapid.IntRange(0, 20).Draw(t, "rev")), Client: name("client"),
	}
	if rapid.Bool().Draw(t, "about somebody") {
		e.People = person(audit.RoleSubject, name("p"), name("binding"))
		e.People[0].Erased = rapid.Bool().Draw(t, "erased")
	}
	scopes := rapid.SliceOfN(rapid.SampledFrom([]string{"data.read", "data.write", "data.purge", "gone"}), 0, 3).Draw(t, "scopes")
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0, 1:
		e.Kind, e.Outcome, e.Granted = audit.KindExchange, audit.OutcomeGranted, grantOf(fmt.Sprint("t", index), name("k"), []string{name("t")}, scopes)
	case 2:
		e.Kind, e.Outcome, e.Asked, e.Reason, e.SubjectToken = audit.KindExchange, audit.OutcomeRefused, &audit.Asked{Scope: scopes}, "revoked", &audit.Token{ID: name("t")}
	case 3:
		e.Kind, e.Outcome, e.Counted = audit.KindRefusals, audit.OutcomeRefused, &audit.Counted{Count: uint64(rapid.IntRange(1, 99).Draw(t, "n"))}
	case 4:
		e.Kind, e.Outcome = audit.KindRevocation, audit.OutcomeDone
		e.Revoked = &audit.Revoked{Kind: rapid.SampledFrom([]string{"token", "task", "client", "group"}).Draw(t, "of"), Block: rapid.Bool().Draw(t, "block"), Seq: uint64(index)}
		e.Revoked.Selector = name(map[string]string{"token": "t", "task": "k", "client": "client", "group": "g"}[e.Revoked.Kind])
		if rapid.IntRange(0, 3).Draw(t, "lifts") == 0 {
			e.Kind, e.Revoked.Block = audit.KindUnblock, false
		}
	case 5:
		e.Kind, e.Outcome = rapid.SampledFrom([]audit.Kind{audit.KindKey, audit.KindCredential, audit.KindPolicy}).Draw(t, "what"), audit.OutcomeDone
		e.Change = &audit.Change{Action: rapid.SampledFrom([]string{"added", "revoked", "retired"}).Draw(t, "action")}
	default:
		e.Kind, e.Outcome, e.Uses = audit.KindUses, audit.OutcomeDone, &audit.Uses{Rows: []audit.Usage{{
			Token: name("t"), Scope: "data.write", Count: uint64(rapid.IntRange(1, 9).Draw(t, "used")), Uncovered: rapid.Bool().Draw(t, "uncovered"),
		}}}
	}
	return Entry{uint64(index), e}
}

// TestFiguresAreWhatIsThere counts each figure anew, one at a time and as directly as it can be said.
func TestFiguresAreWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := told()
		s.Entries = nil
		for i := range rapid.IntRange(0, 60).Draw(t, "entries") {
			s.Entries = append(s.Entries, anyEntry(t, i))
		}
		count := func(of func(Entry) uint64) (n float64) {
			for _, e := range s.Entries {
				if !e.Time.Before(begin) && e.Time.Before(end) {
					n += float64(of(e))
				}
			}
			return n
		}
		one := func(is func(Entry) bool) float64 {
			return count(func(e Entry) uint64 {
				if is(e) {
					return 1
				}
				return 0
			})
		}
		distinct := func(of func(Entry) string) float64 {
			seen := map[string]bool{}
			count(func(e Entry) uint64 { seen[of(e)] = true; return 0 })
			delete(seen, "")
			return float64(len(seen))
		}
		isGrant := func(e Entry) bool { return e.Granted != nil }
		privileged := func(scopes []string) bool {
			for _, s := range scopes {
				if s == "data.write" || s == "data.purge" {
					return true
				}
			}
			return false
		}
		named := func(e Entry) string {
			if !isGrant(e) || len(e.People) == 0 {
				return ""
			}
			return fmt.Sprint(e.People[0].Key, e.People[0].Erased) // one who was erased has no name to share
		}
		want := map[Kind]map[string]float64{
			AccessReview: {
				"tokens granted": one(isGrant), "people and services": distinct(named),
				"clients": distinct(func(e Entry) string {
					if isGrant(e) {
						return e.Client
					}
					return ""
				}),
				"refusals": count(func(e Entry) uint64 {
					if e.Counted != nil {
						return e.Counted.Count
					}
					if e.Asked != nil {
						return 1
					}
					return 0
				}),
				"uses not covered": count(func(e Entry) uint64 {
					if e.Uses != nil && e.Uses.Rows[0].Uncovered {
						return e.Uses.Rows[0].Count
					}
					return 0
				}),
			},
			PrivilegedUse: {
				"tokens with one": one(func(e Entry) bool { return isGrant(e) && privileged(e.Granted.Scope) }),
				"refused":         one(func(e Entry) bool { return e.Asked != nil && privileged(e.Asked.Scope) }),
				"operations": one(func(e Entry) bool {
					return e.Change != nil || e.Kind == audit.KindUnblock || e.Revoked != nil && e.Revoked.Kind != "token"
				}),
				"uses on record": count(func(e Entry) uint64 {
					if e.Uses != nil {
						return e.Uses.Rows[0].Count
					}
					return 0
				}),
			},
			Revocations: {
				"revocations":             one(func(e Entry) bool { return e.Kind == audit.KindRevocation }),
				"blocks lifted":           one(func(e Entry) bool { return e.Kind == audit.KindUnblock }),
				"granted in spite of one": slippedAnew(s.Entries),
			},
			KeyRotation: {
				"keys made":       one(func(e Entry) bool { return e.Kind == audit.KindKey && e.Change.Action == "added" }),
				"keys revoked":    one(func(e Entry) bool { return e.Kind == audit.KindKey && e.Change.Action == "revoked" }),
				"secrets changed": one(func(e Entry) bool { return e.Kind == audit.KindCredential }),
			},
		}
		for kind, names := range want {
			r, _ := Make(kind, s)
			got := figures(r)
			for name, n := range names {
				if got[name] != n {
					t.Errorf("%s: %s is %v, not %v", kind, name, got[name], n)
				}
			}
			for _, p := range r.Plots {
				if sum := plotted(p); kind == AccessReview && sum != got["tokens granted"]+got["refusals"] || kind == Revocations && sum != got["revocations"] {
					t.Errorf("%s: the plot shows %v", kind, sum)
				}
			}
		}
	})
}

func plotted(p Plot) (sum float64) {
	for _, s := range p.Series {
		for _, n := range s.Counts {
			sum += float64(n)
		}
	}
	return sum
}

// slippedAnew asks of each revocation of the window what each later grant is to it.
func slippedAnew(entries []Entry) (n float64) {
	for i, r := range entries {
		if r.Kind != audit.KindRevocation || r.Time.Before(begin) || !r.Time.Before(end) {
			continue
		}
		kills := func(e Entry) bool {
			switch r.Revoked.Kind {
			case "token":
				return e.Granted.Lineage[0] == r.Revoked.Selector
			case "task":
				return e.Granted.Task == r.Revoked.Selector
			case "client":
				return r.Revoked.Block && e.Client == r.Revoked.Selector
			default:
				return false
			}
		}
		for _, e := range entries[i+1:] {
			if e.Kind == audit.KindUnblock && r.Revoked.Block && e.Revoked.Kind == r.Revoked.Kind && e.Revoked.Selector == r.Revoked.Selector {
				break
			}
			if e.Granted != nil && e.Rev >= r.Revoked.Seq && kills(e) {
				n++
			}
		}
	}
	return n
}

func TestThePlotsScaleIsRound(t *testing.T) {
	for n := range uint64(1 << 12) {
		if top := ceiling(n); top < n || n > 4 && top > 2*n {
			t.Fatalf("%d for %d", top, n)
		}
	}
	for _, n := range []uint64{1 << 40, 1 << 62, 1<<64 - 1} {
		if top := ceiling(n); top == 0 || bits.Len64(top) < 40 {
			t.Errorf("%d for %d", top, n)
		}
	}
}
