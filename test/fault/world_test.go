//go:build linux && !race

package fault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/anchored"
	"github.com/whittle-sts/whittle/store/bolt"
	"github.com/whittle-sts/whittle/store/sealed"
)

var kek = func() seal.KEK {
	k, err := seal.NewLocalKEK(make([]byte, seal.KeySize))
	if err != nil {
		panic(err)
	}
	return k
}()

const kekText = "0000000000000000000000000000000000000000000000000000000000000000\n"

// place makes a folder with the key, as a server has it.
func place(t testing.TB, root string) folder.Place {
	t.Helper()
	keys := filepath.Join(root, "keys")
	file := filepath.Join(keys, "kek")
	if err := errors.Join(os.MkdirAll(keys, 0o700), os.MkdirAll(filepath.Join(root, "db"), 0o700), os.WriteFile(file, []byte(kekText), 0o600)); err != nil {
		t.Fatal(err)
	}
	source, err := seal.ParseSource(file)
	if err != nil {
		t.Fatal(err)
	}
	return folder.Place{Data: root, KEK: source, Anchor: filepath.Join(keys, "anchor")}
}

// state is all that a server writes through: the log over the anchored, sealed database.
type state struct {
	db   *bolt.Store
	kept *anchored.Store
	log  *audit.Log
	now  time.Time
}

// open opens the state of a place as a server does.
func open(p folder.Place, openFile func(string) (anchored.File, error)) (*state, error) {
	ctx := context.Background()
	db, err := bolt.Open(bolt.Config{Path: p.Database()})
	if err != nil {
		return nil, err
	}
	vault, err := sealed.Open(ctx, db, kek, rand.Reader)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	kept, err := anchored.Open(ctx, anchored.Config{Store: vault, Path: p.Anchor, Random: rand.Reader, OpenFile: openFile})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &state{db: db, kept: kept, now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)}
	s.log, err = audit.Open(audit.Config{Store: kept, Now: func() time.Time { return s.now }, Random: rand.Reader, Issuer: "https://whittle.example.com"})
	if err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	return s, nil
}

// close ends the state in good order.
func (s *state) close() error {
	s.log.Close()
	return s.kept.Close()
}

// do writes one change with its entry.
func (s *state) do(change func(store.Tx) error, event audit.Event) error {
	_, err := s.log.Do(context.Background(), func(tx store.Tx) (audit.Entry, error) {
		entry, err := s.log.Prepare(event)
		if err != nil {
			return audit.Entry{}, err
		}
		return entry, change(tx)
	})
	return err
}

// steps are changes of all kinds: an exchange, an opaque token with uses, a use, a revocation, a policy, a
// secret that is made and one that is disabled, a key, and the dropping of what ended.
func (s *state) step(i int) error {
	at := s.now
	who := []audit.Person{{Role: audit.RoleSubject, Personal: audit.Personal{Issuer: "corp", Subject: fmt.Sprint("person ", i%5)}}}
	event := func(kind audit.Kind) audit.Event {
		return audit.Event{Kind: kind, Outcome: audit.OutcomeDone, Client: "agent", People: who, Detail: fmt.Sprintf("%0*d", 100+37*(i%9), i)}
	}
	id := [16]byte{byte(i), byte(i >> 8), 1}
	counter := [16]byte{7}
	switch i % 8 {
	case 0:
		return s.do(func(store.Tx) error { return nil }, event(audit.KindExchange))
	case 1:
		return s.do(func(tx store.Tx) error {
			return errors.Join(tx.PutOpaque(store.Opaque{Hash: [32]byte{byte(i)}, Claims: make([]byte, 300), Expires: at.Add(time.Duration(i) * time.Second)}),
				tx.PutUses(store.Uses{Token: id, Left: 3, Expires: at.Add(time.Hour)}))
		}, event(audit.KindExchange))
	case 2:
		return s.do(func(tx store.Tx) error {
			return tx.PutUses(store.Uses{Token: counter, Left: uint32(1_000_000 - i), Expires: at.Add(time.Hour)})
		}, event(audit.KindUse))
	case 3:
		return s.do(func(tx store.Tx) error {
			_, err := tx.AppendRevocation(store.Revocation{Kind: "task", Selector: fmt.Sprint(i), At: at, Expires: at.Add(time.Hour)})
			return err
		}, event(audit.KindRevocation))
	case 4:
		return s.do(func(tx store.Tx) error {
			m, err := tx.Meta()
			return errors.Join(err, tx.PutPolicy(store.Policy{Version: m.Policy + 1, YAML: make([]byte, 2000)}))
		}, event(audit.KindPolicy))
	case 5:
		return s.do(func(tx store.Tx) error {
			return tx.PutCredential(store.Credential{Client: "agent", ID: "one", Kind: "secret-sha256", Verifier: make([]byte, 32), Disabled: i%16 > 7})
		}, event(audit.KindCredential))
	case 6:
		return s.do(func(tx store.Tx) error {
			return tx.PutKey(store.Key{ID: fmt.Sprint("k", i%3), Alg: "ES256", Private: make([]byte, 100), Evidence: make([]byte, 32)})
		}, event(audit.KindKey))
	default:
		_, err := s.log.DropExpired(context.Background(), at.Add(time.Duration(i)*time.Second), 10)
		return err
	}
}

// picture is all that the steps change, as text.
func (s *state) picture() (text string, err error) {
	err = s.kept.View(context.Background(), func(r store.Reader) error {
		m, err := r.Meta()
		if err != nil {
			return err
		}
		uses, err := r.Uses([16]byte{7})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		credentials, err := r.Credentials()
		if err != nil {
			return err
		}
		keys, err := r.Keys()
		if err != nil {
			return err
		}
		revoked, opaque := 0, 0
		err = r.Revocations(0, func(store.Revocation) bool { revoked++; return true })
		for i := range 256 {
			if _, err := r.Opaque([32]byte{byte(i)}); err == nil {
				opaque++
			}
		}
		text = fmt.Sprintf("%d entries, root %x, rev %d, policy %d, %d uses, %v, %d keys, %d revocations, %d opaque",
			m.Size, m.Root, m.Rev, m.Policy, uses.Left, credentials, len(keys), revoked, opaque)
		return err
	})
	return text, err
}
