//go:build linux && !race

package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

const people = 5

func name(i int) audit.Name {
	return audit.Name{Issuer: "corp", Subject: fmt.Sprint("person ", i%people)}
}

func event(kind audit.Kind, outcome audit.Outcome, i int) audit.Event {
	n := name(i)
	who := []audit.Person{{Role: audit.RoleSubject, Personal: audit.Personal{Issuer: n.Issuer, Subject: n.Subject}}}
	return audit.Event{Kind: kind, Outcome: outcome, Client: "agent", People: who, Detail: fmt.Sprintf("%0*d", 100+37*(i%9), i)}
}

// base is a database and its anchor with as many entries that retention may drop some, made once.
var base struct {
	sync.Once
	db, anchor image
}

// based makes a place with the base.
func based(t *testing.T, root string) folder.Place {
	t.Helper()
	base.Do(func() {
		p := place(t, scratch(t))
		s, err := open(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range tree.TileWidth + 4 {
			e := event(audit.KindExchange, audit.OutcomeGranted, i)
			switch i % 4 {
			case 0:
				e.Outcome = audit.OutcomeRefused
			case 1:
				e.Kind, e.Outcome = audit.KindUse, audit.OutcomeDone
			case 2:
				e.Kind, e.Outcome = audit.KindRevocation, audit.OutcomeDone
			}
			if err := s.do(func(store.Tx) error { return nil }, e); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.log.Sign(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.kept.Scrub(context.Background()), s.close()); err != nil {
			t.Fatal(err)
		}
		base.db, base.anchor = read(t, p.Database()), read(t, p.Anchor)
		base.db = base.db[:len(base.db.written())+1<<20] // room for what is to come
	})
	p := place(t, root)
	put(t, p, base.db, base.anchor)
	return p
}

// kinds is how many kinds of steps there are.
const kinds = 12

// step is a change of one of all kinds: an exchange, an opaque token with uses, a use, a revocation, a policy, a
// secret that is made and one that is disabled, a key, the dropping of what ended and of bodies of entries, the
// erasure of a person, another key for the log, and a checkpoint.
func (s *state) step(i int) error {
	ctx := context.Background()
	switch i % kinds {
	case 3:
		return s.erase(name(i / kinds))
	case 5:
		return s.retain(audit.Classes()[i/kinds%4])
	case 7:
		_, err := s.log.DropExpired(ctx, s.now.Add(time.Duration(i)*time.Second), 10)
		return err
	case 8:
		before, after, err := s.log.RotateKey(ctx, audit.Event{Client: "admin"})
		if err == nil && before == after {
			err = errors.New("the log has the key that it had")
		}
		return err
	case 10:
		_, err := s.log.Sign(ctx)
		return err
	}
	return s.change(i)
}

// alone says whether the step is one commit, with an entry.
func alone(i int) bool {
	switch i % kinds {
	case 3, 5, 7, 8, 10:
		return false
	}
	return true
}

// change is a step that is one commit.
func (s *state) change(i int) error {
	at := s.now
	id := [16]byte{byte(i), byte(i >> 8), 1}
	switch i % kinds {
	case 0:
		return s.do(func(store.Tx) error { return nil }, event(audit.KindExchange, audit.OutcomeDone, i))
	case 1:
		return s.do(func(tx store.Tx) error {
			return errors.Join(tx.PutOpaque(store.Opaque{Hash: [32]byte{byte(i)}, Claims: make([]byte, 300), Expires: at.Add(time.Duration(i) * time.Second)}),
				tx.PutUses(store.Uses{Token: id, Left: 3, Expires: at.Add(time.Hour)}))
		}, event(audit.KindExchange, audit.OutcomeDone, i))
	case 2:
		return s.do(func(tx store.Tx) error {
			return tx.PutUses(store.Uses{Token: counter, Left: uint32(1_000_000 - i), Expires: at.Add(time.Hour)})
		}, event(audit.KindUse, audit.OutcomeDone, i))
	case 4, 11:
		return s.do(func(tx store.Tx) error {
			_, err := tx.AppendRevocation(store.Revocation{Kind: "task", Selector: fmt.Sprint(i), At: at, Expires: at.Add(time.Hour)})
			return err
		}, event(audit.KindRevocation, audit.OutcomeDone, i))
	case 6:
		return s.do(func(tx store.Tx) error {
			m, err := tx.Meta()
			return errors.Join(err, tx.PutPolicy(store.Policy{Version: m.Policy + 1, YAML: make([]byte, 2000)}))
		}, event(audit.KindPolicy, audit.OutcomeDone, i))
	default:
		return s.do(func(tx store.Tx) error {
			return errors.Join(
				tx.PutCredential(store.Credential{Client: "agent", ID: "one", Kind: "secret-sha256", Verifier: make([]byte, 32), Disabled: i%2 > 0}),
				tx.PutKey(store.Key{ID: fmt.Sprint("k", i%3), Alg: "ES256", Private: make([]byte, 100), Evidence: make([]byte, 32)}))
		}, event(audit.KindCredential, audit.OutcomeDone, i))
	}
}

var counter = [16]byte{7}

// erase erases the person, as the engine does.
func (s *state) erase(who audit.Name) error {
	entry := audit.Event{Kind: audit.KindPrivacy, Outcome: audit.OutcomeDone, Client: "admin", Change: &audit.Change{Action: "erased"}}
	err := s.do(func(tx store.Tx) error { return s.log.Erase(tx, who) }, entry)
	return errors.Join(err, s.log.Forget(context.Background(), who))
}

// retain drops bodies of that class, and what they leave.
func (s *state) retain(class audit.Class) error {
	_, _, err := audit.NewRetention(s.log).Step(context.Background(), class, s.now.Add(time.Hour))
	if err != nil {
		return err
	}
	return s.kept.Scrub(context.Background())
}

// texts is some of what the steps delete, as the file holds it: the sealed keys of people, and bodies of entries.
func (s *state) texts() (map[string]bool, error) {
	out := make(map[string]bool)
	err := s.db.View(context.Background(), func(r store.Reader) error {
		err := r.People([32]byte{}, func(p store.Person) bool {
			out[string(p.Key)] = true
			return true
		})
		return errors.Join(err, r.Entries(0, func(index uint64, entry []byte) bool {
			if _, dropped := audit.ReadRemnant(entry); index%15 == 0 && !dropped {
				out[string(entry)] = true
			}
			return index < tree.TileWidth
		}))
	})
	return out, err
}

// without is those of the texts that are not in the others.
func without(texts, others map[string]bool) map[string]bool {
	out := make(map[string]bool)
	for text := range texts {
		if !others[text] {
			out[text] = true
		}
	}
	return out
}

// must is the value of a call that may not fail.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
