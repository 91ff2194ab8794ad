package process

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

var (
	kills = flag.Int("kills", 25, "how often the server is killed")
	seed  = flag.Uint64("seed", 0, "of the moments at which it is killed; 0: the time")
)

// perWorld is how often one state is killed before a new one begins, since all of it is read each time.
const perWorld = 25

// TestKilled kills the server again and again while clients exchange, introspect, revoke and apply. After
// each kill it holds what they were answered against the record, and after each start against the server.
func TestKilled(t *testing.T) {
	from := *seed
	if from == 0 {
		from = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed=%d", from)
	random := rand.New(rand.NewPCG(from, 0))
	var all tally
	for all.kills < *kills && !t.Failed() {
		w := newWorld(t, random)
		for w.ledger.total.kills < perWorld && all.kills+w.ledger.total.kills < *kills && !t.Failed() {
			w.round()
		}
		w.p.kill()
		all.add(w.ledger.total)
	}
	t.Log(all)
	if all.granted < all.kills || all.used == 0 || all.revoked == 0 || all.policies == 0 || all.secrets == 0 || all.switched == 0 || all.doubtful == 0 {
		t.Errorf("that tried too little: %s", all)
	}
}

// world is one state that is killed.
type world struct {
	t      *testing.T
	random *rand.Rand
	place  folder.Place
	p      *process
	staff  staff
	ledger *ledger
	read   uint64 // entries read so far
}

func newWorld(t *testing.T, random *rand.Rand) *world {
	t.Helper()
	data := t.TempDir()
	w := &world{t: t, random: random, place: placeOf(t, data), ledger: newLedger()}
	w.p, w.staff = found(t, data)
	w.ledger.policy = 1
	w.ledger.doors = newDoors(t, w.staff.as(w.p, "ops"))
	w.ledger.answered["policy"], w.ledger.answered["credential"] = 1, len(w.staff)+len(w.ledger.doors)
	return w
}

// round is some traffic, a kill, and a look at what is left.
func (w *world) round() {
	x := &traffic{t: w.t, p: w.p, staff: w.staff, ledger: w.ledger, stop: make(chan struct{})}
	x.begin()
	time.Sleep(w.moment(10, 150))
	w.p.kill()
	close(x.stop)
	x.group.Wait()
	w.ledger.total.kills++
	w.checkRecord()
	if w.random.IntN(4) == 0 { // killed while it starts
		p, _ := launch(w.t, w.place.Data)
		time.Sleep(w.moment(1, 60))
		p.kill()
		w.ledger.total.kills++
		w.checkRecord()
	}
	w.p = start(w.t, w.place.Data, false)
	w.checkServer()
}

func (w *world) moment(least, most int) time.Duration {
	return time.Duration(least*1000+w.random.IntN(1000*(most-least))) * time.Microsecond
}

// checkRecord reads what the killed process left behind: it is whole, each answer has its entry, and
// entries without an answer are of requests that had none.
func (w *world) checkRecord() {
	w.t.Helper()
	_, findings, err := folder.Check(context.Background(), w.place)
	if err != nil || len(findings) > 0 {
		w.t.Fatalf("after kill %d: %v %v", w.ledger.total.kills, err, findings)
	}
	seen := w.newEntries()
	l := w.ledger
	surplus := seen.unknown(l)
	for kind, n := range surplus {
		l.total.surplus += n
		if n > l.doubt[kind] {
			w.t.Errorf("%d entries of kind %s are of no request, %d had no answer", n, kind, l.doubt[kind])
		}
	}
	clear(l.doubt)
	seen.checkAnswered(w.t, l)
	seen.checkDoors(w.t, l)
	l.granted, l.revoked, l.uses = map[string]string{}, map[string]bool{}, map[string][]uint32{}
}

// entries are what came onto the record since it was last read.
type entries struct {
	granted map[string]string // decision: token
	kinds   map[string]string // decision: kind, of what was granted
	used    map[string]map[uint32]bool
	revoked map[string]bool
	shut    map[string]bool // by id: whether a door's secret was disabled last
	policy  uint64
	counts  map[string]int // by kind, what has no answer of its own in the ledger
}

func (w *world) newEntries() *entries {
	w.t.Helper()
	s, err := bolt.Open(bolt.Config{Path: w.place.Database(), ReadOnly: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	e := &entries{granted: map[string]string{}, kinds: map[string]string{}, used: map[string]map[uint32]bool{}, revoked: map[string]bool{}, shut: map[string]bool{}, counts: map[string]int{}}
	err = s.View(context.Background(), func(r store.Reader) error {
		return r.Entries(w.read, func(index uint64, text []byte) bool {
			event, err := audit.Decode(text)
			if err != nil {
				w.t.Error(index, err)
			}
			e.add(w.t, &event)
			w.read = index + 1
			return true
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (e *entries) add(t *testing.T, event *audit.Event) {
	switch {
	case event.Granted != nil:
		e.granted[event.Decision], e.kinds[event.Decision] = event.Granted.Token, string(event.Kind)
	case event.Used != nil:
		left := e.used[event.Used.Token]
		if left == nil {
			left = map[uint32]bool{}
			e.used[event.Used.Token] = left
		}
		if left[event.Used.Left] {
			t.Errorf("token %s was used twice with %d uses left", event.Used.Token, event.Used.Left)
		}
		left[event.Used.Left] = true
	case event.Kind == audit.KindRevocation && event.Revoked != nil:
		e.revoked[event.Revoked.Selector] = true
	case event.Kind == audit.KindPolicy && event.Outcome == audit.OutcomeDone:
		if event.Change.Version <= e.policy {
			t.Errorf("policy version %d was applied after %d", event.Change.Version, e.policy)
		}
		e.policy = event.Change.Version
		e.counts["policy"]++
	case event.Kind == audit.KindCredential && event.Outcome == audit.OutcomeDone:
		e.counts["credential"]++
		e.swung(event.Change)
	}
}

// unknown counts the entries of which the ledger holds no answer, by kind.
func (e *entries) unknown(l *ledger) map[string]int {
	out := map[string]int{}
	for decision, kind := range e.kinds {
		if _, known := l.granted[decision]; !known {
			out[kind]++
		}
	}
	for id := range e.revoked {
		if !l.revoked[id] {
			out["revocation"]++
		}
	}
	for id, left := range e.used {
		if n := len(left) - len(l.uses[id]); n > 0 {
			out["introspection_use"] += n
		}
	}
	for _, kind := range []string{"policy", "credential"} {
		if n := e.counts[kind] - l.answered[kind]; n > 0 {
			out[kind] = n
		}
	}
	return out
}

// checkAnswered looks for the entry of each answer.
func (e *entries) checkAnswered(t *testing.T, l *ledger) {
	t.Helper()
	for decision, id := range l.granted {
		if token, there := e.granted[decision]; !there || id != "" && id != token {
			t.Errorf("token %q was granted by %s, whose entry says %q", id, decision, token)
		}
	}
	for id := range l.revoked {
		if !e.revoked[id] {
			t.Errorf("the revocation of %s was answered and is on no record", id)
		}
	}
	for id, uses := range l.uses {
		for _, left := range uses {
			if !e.used[id][left] {
				t.Errorf("token %s was used with %d uses left, which is on no record", id, left)
			}
		}
	}
	for kind, n := range l.answered {
		if e.counts[kind] < n {
			t.Errorf("%d changes of kind %s were answered, %d are on the record", n, kind, e.counts[kind])
		}
	}
	clear(l.answered)
}
