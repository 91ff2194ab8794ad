package storetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// everything writes one record of each kind.
func everything(tx store.Tx) error {
	zone := time.FixedZone("", 3600)
	entry := []byte("an entry")
	_, errRev := tx.AppendRevocation(store.Revocation{Kind: "client", Selector: "agent", Block: true, At: epoch, Expires: epoch.Add(time.Hour), By: "admin", Reason: "stolen"})
	_, errEntry := tx.AppendEntry(entry, epoch)
	_, errTile := tx.AppendTile(bytes.Repeat([]byte{1}, 8192))
	return errors.Join(
		tx.SetGeneration(token(9)),
		tx.PutPolicy(store.Policy{Version: 1, YAML: []byte("scopes:\n"), Applied: epoch, By: "admin", Note: "first"}),
		tx.PutKey(store.Key{ID: "k1", Alg: "ES256", Private: []byte("private"), Evidence: []byte("evidence"), Created: epoch.In(zone), Active: epoch.Add(time.Hour)}),
		tx.PutSecret("pepper", []byte("salt")),
		tx.PutCredential(store.Credential{Client: "agent", ID: "c1", Kind: "secret-sha256", Verifier: []byte{1, 2}, Created: epoch}),
		tx.NoteCredentialUse("agent", "c1", epoch.Add(time.Hour)),
		tx.PutOpaque(store.Opaque{Hash: hash(1), Claims: []byte("claims"), Expires: epoch.Add(time.Minute)}),
		tx.PutUses(store.Uses{Token: token(1), Left: 3, Expires: epoch.Add(time.Minute)}),
		tx.PutUseSeen(token(1), "a", epoch.Add(time.Minute)),
		tx.PutPerson(store.Person{Lookup: hash(1), ID: person(1), Key: bytes.Repeat([]byte{7}, 32), Since: epoch}),
		setRoot(tx),
		tx.PutCheckpoint(store.Checkpoint{Size: 1, Root: hash(3), Note: []byte("note")}),
		tx.PutCheckpoint(store.Checkpoint{Witnessed: true, Size: 1, Root: hash(3), Note: []byte("cosigned")}),
		errRev, errEntry, errTile,
	)
}

// written is what state says of everything, where it isn't "not found".
var written = []string{
	`generation ` + hexOf(token(9)) + ` policy 1 rev 1 size 1 tiles 1 root ` + fmt.Sprintf("%x", sha256.Sum256([]byte("\x00an entry"))) + ` of 1`,
	`policy 1 "scopes:\n" 2026-01-02T03:04:05.000006Z "admin" "first"`,
	`key "k1" "ES256" 70726976617465 65766964656e6365 2026-01-02T03:04:05.000006Z 2026-01-02T04:04:05.000006Z - - false`,
	`secret pepper 73616c74`,
	`credential "agent" "c1" "secret-sha256" 0102 2026-01-02T03:04:05.000006Z - false 2026-01-02T04:04:05.000006Z`,
	`636c61696d73 2026-01-02T03:05:05.000006Z`,
	`uses 1 ` + hexOf(token(1)) + ` 3 2026-01-02T03:05:05.000006Z`,
	`use 1 "a" seen true`,
	`revocation 1 "client" "agent" true 2026-01-02T03:04:05.000006Z 2026-01-02T04:04:05.000006Z "admin" "stolen"`,
	`person 1 `, `person by id 1 `, `entry 0 `, `tile 0 `,
	`checkpoint false 1 ` + fmt.Sprintf("%x", hash(3)) + ` "note"`, `checkpoint true 1 ` + fmt.Sprintf("%x", hash(3)) + ` "cosigned"`,
}

func testRecords(t *testing.T, open Open) {
	t.Run("an empty store has nothing", func(t *testing.T) {
		m := meta(t, fresh(t, open))
		if m.Policy != 0 || m.Rev != 0 || m.Size != 0 || m.Tiles != 0 || m.Treed != 0 || m.Root != [32]byte{} || !m.Time.IsZero() || m.Schema == 0 {
			t.Errorf("meta is %+v", m)
		}
	})
	t.Run("what is written is read", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, everything)
		text := "\n" + stateOf(t, s)
		for _, want := range written {
			if !strings.Contains(text, "\n"+want) && !strings.Contains(text, " "+want) {
				t.Errorf("not there: %s\nin %s", want, text)
			}
		}
	})
	t.Run("a function reads what it wrote", func(t *testing.T) {
		s := fresh(t, open)
		var inside string
		update(t, s, everything, func(tx store.Tx) (err error) {
			inside, err = state(tx)
			return err
		})
		if outside := stateOf(t, s); inside != outside {
			t.Errorf("inside:\n%s\noutside:\n%s", inside, outside)
		}
	})
	t.Run("put replaces and delete takes away", func(t *testing.T) { testReplace(t, fresh(t, open)) })
	t.Run("whoever is erased is nowhere", func(t *testing.T) { testErasure(t, fresh(t, open)) })
	t.Run("the ends of time are kept", func(t *testing.T) { testTimes(t, fresh(t, open)) })
	t.Run("clients and credential ids don't run together", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, func(tx store.Tx) error {
			return errors.Join(tx.PutCredential(store.Credential{Client: "a", ID: "bc"}), tx.PutCredential(store.Credential{Client: "ab", ID: "c"}),
				tx.DeleteCredential("a", "b"), tx.DeleteCredential("abc", ""))
		})
		if text := stateOf(t, s); !strings.Contains(text, "2 credentials") {
			t.Error(text)
		}
	})
	t.Run("a use changes nothing else of a credential", func(t *testing.T) { testCredentialUse(t, fresh(t, open)) })
	t.Run("what was given may be used again", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, func(tx store.Tx) error {
			buffer := []byte("first")
			_, err := tx.AppendEntry(buffer, epoch)
			err = errors.Join(err, tx.PutSecret("seed", buffer), tx.PutOpaque(store.Opaque{Hash: hash(2), Claims: buffer}))
			copy(buffer, "XXXXX")
			return err
		})
		view(t, s, func(r store.Reader) error {
			secret, err := r.Secret("seed")
			o, err2 := r.Opaque(hash(2))
			if string(secret) != "first" || string(o.Claims) != "first" {
				t.Errorf("got %q and %q", secret, o.Claims)
			}
			return errors.Join(err, err2, r.Entries(0, func(_ uint64, entry []byte) bool {
				if string(entry) != "first" {
					t.Errorf("got %q", entry)
				}
				return true
			}))
		})
	})
}

func testReplace(t *testing.T, s store.Store) {
	update(t, s, everything)
	update(t, s, func(tx store.Tx) error {
		return errors.Join(
			tx.PutKey(store.Key{ID: "k1", Alg: "RS256", Revoked: true}),
			tx.PutKey(store.Key{ID: "k2"}), tx.DeleteKey("k2"), tx.DeleteKey("no such key"),
			tx.PutSecret("pepper", []byte("other")),
			tx.PutCredential(store.Credential{Client: "agent", ID: "c1", Disabled: true}),
			tx.PutOpaque(store.Opaque{Hash: hash(1), Claims: []byte("other"), Expires: epoch.Add(time.Hour)}),
			tx.PutUses(store.Uses{Token: token(1), Left: 2}),
			tx.PutPerson(store.Person{Lookup: hash(1), ID: person(2), Key: []byte("other")}),
			tx.DeleteRevocation(1), tx.DeleteRevocation(77), tx.DeleteCredential("agent", "no such credential"),
		)
	})
	text := stateOf(t, s)
	for _, want := range []string{`1 keys`, `key "k1" "RS256"   - - - - true`, "6f74686572", `"agent" "c1" ""  - - true -`, " 2 -", "rev 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("not there: %s\nin %s", want, text)
		}
	}
	view(t, s, func(r store.Reader) error {
		if _, err := r.PersonByID(person(1)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the old id of a person leads to %v", err)
		}
		p, err := r.PersonByID(person(2))
		if p.Lookup != hash(1) {
			t.Error("the new id of a person leads elsewhere")
		}
		return errors.Join(err, r.Revocations(0, func(rev store.Revocation) bool {
			t.Errorf("revocation %d is still there", rev.Seq)
			return true
		}))
	})
}

func testCredentialUse(t *testing.T, s store.Store) {
	later := epoch.Add(time.Hour)
	update(t, s, func(tx store.Tx) error {
		return errors.Join(
			tx.PutCredential(store.Credential{Client: "agent", ID: "c1", Kind: "k", Verifier: []byte{1}, Created: epoch, Expires: later, Disabled: true}),
			tx.NoteCredentialUse("agent", "c1", later), tx.NoteCredentialUse("agent", "c1", epoch),
			tx.PutCredential(store.Credential{Client: "agent", ID: "c2"}), tx.DeleteCredential("agent", "c2"),
			tx.NoteCredentialUse("agent", "c2", later), tx.NoteCredentialUse("nobody", "c1", later),
		)
	})
	text := stateOf(t, s)
	const want = `credential "agent" "c1" "k" 01 2026-01-02T03:04:05.000006Z 2026-01-02T04:04:05.000006Z true 2026-01-02T04:04:05.000006Z`
	if !strings.Contains(text, want) || !strings.Contains(text, "1 credentials") {
		t.Error(text)
	}
}

func testErasure(t *testing.T, s store.Store) {
	update(t, s, everything)
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.DeletePerson(hash(1)), tx.DeletePerson(hash(2)))
	})
	view(t, s, func(r store.Reader) error {
		_, byLookup := r.Person(hash(1))
		_, byID := r.PersonByID(person(1))
		if !errors.Is(byLookup, store.ErrNotFound) || !errors.Is(byID, store.ErrNotFound) {
			t.Errorf("the person is still found: %v, %v", byLookup, byID)
		}
		return r.People([32]byte{}, func(p store.Person) bool {
			t.Errorf("person %x is still listed", p.ID)
			return true
		})
	})
	update(t, s, func(tx store.Tx) error { // the id is free again
		return tx.PutPerson(store.Person{Lookup: hash(2), ID: person(1), Key: []byte("another")})
	})
}

func testTimes(t *testing.T, s store.Store) {
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 5000), epoch.In(time.FixedZone("", -5*3600)), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)} {
		update(t, s, func(tx store.Tx) error {
			_, err := tx.AppendRevocation(store.Revocation{Kind: "task", At: at, Expires: at})
			return errors.Join(err, tx.PutKey(store.Key{ID: "k1", Expires: at}), tx.PutOpaque(store.Opaque{Hash: hash(1), Expires: at}))
		})
		view(t, s, func(r store.Reader) error {
			o, err := r.Opaque(hash(1))
			keys, err2 := r.Keys()
			m, err3 := r.Meta()
			for _, got := range []time.Time{o.Expires, keys[0].Expires} {
				if !got.Equal(at) || got.IsZero() != at.IsZero() {
					t.Errorf("%s came back as %s", at, got)
				}
			}
			return errors.Join(err, err2, err3, r.Revocations(m.Rev-1, func(rev store.Revocation) bool {
				if !rev.At.Equal(at) || !rev.Expires.Equal(at) {
					t.Errorf("%s came back as %s and %s", at, rev.At, rev.Expires)
				}
				return true
			}))
		})
	}
}
