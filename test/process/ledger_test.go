package process

import (
	"fmt"
	"sync"
)

// ledger is what the clients were answered, kept outside the process that is killed.
type ledger struct {
	mu sync.Mutex

	granted map[string]string   // decision: id of the token (empty if opaque)
	revoked map[string]bool     // ids of tokens whose revocation was answered
	dead    map[string]bool     // texts of those, and of their children
	alive   map[string]bool     // texts of JWTs that nobody asked to revoke
	uses    map[string][]uint32 // by token id: what was left after each answered use
	counted map[string]int      // texts of counted tokens: the fewest uses left that anybody was told
	policy  uint64              // the newest version that was answered
	secrets map[string]bool     // of the guest
	doors   []*door
	gone    []string // secrets of the guest that a policy without it took away

	answered map[string]int // by kind of entry: answers that the record counts, since it was last read
	doubt    map[string]int // by kind of entry: requests without an answer since the last start
	total    tally
}

// tally counts for the report.
type tally struct{ kills, granted, used, revoked, policies, secrets, switched, doubtful, surplus int }

func newLedger() *ledger {
	return &ledger{
		granted: map[string]string{}, revoked: map[string]bool{}, dead: map[string]bool{}, alive: map[string]bool{},
		uses: map[string][]uint32{}, counted: map[string]int{}, secrets: map[string]bool{}, doubt: map[string]int{}, answered: map[string]int{},
	}
}

// note runs fn with the ledger to itself.
func (l *ledger) note(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
}

// doubtful notes a request of which nobody knows what became of it.
func (l *ledger) doubtful(kind string) {
	l.note(func() { l.doubt[kind]++; l.total.doubtful++ })
}

func (t tally) String() string {
	return fmt.Sprintf("%d kills: %d tokens granted, %d uses, %d revocations, %d policies, %d secrets and %d switches of one were answered; %d requests had no answer, %d of them took effect",
		t.kills, t.granted, t.used, t.revoked, t.policies, t.secrets, t.switched, t.doubtful, t.surplus)
}

func (t *tally) add(o tally) {
	t.kills += o.kills
	t.granted += o.granted
	t.used += o.used
	t.revoked += o.revoked
	t.policies += o.policies
	t.secrets += o.secrets
	t.switched += o.switched
	t.doubtful += o.doubtful
	t.surplus += o.surplus
}
