package bolt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

var (
	epoch  = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	hash1  = [32]byte{1}
	hash2  = [32]byte{2}
	token1 = [16]byte{0xa1}
	token2 = [16]byte{0xa2}
)

// fill writes one record of each kind.
func fill(tx store.Tx) error {
	_, errRev := tx.AppendRevocation(store.Revocation{Kind: "client", Selector: "agent", Block: true, At: epoch, Expires: epoch.Add(time.Hour), By: "admin", Reason: "stolen"})
	_, errEntry := tx.AppendEntry([]byte("an entry"), epoch)
	_, errTile := tx.AppendTile(bytes.Repeat([]byte{'h'}, 64)) // the store doesn't know how long one is
	return errors.Join(
		tx.SetGeneration([16]byte{9}),
		tx.PutPolicy(store.Policy{Version: 1, YAML: []byte("scopes:\n"), Applied: epoch, By: "admin", Note: "first"}),
		tx.PutKey(store.Key{ID: "k1", Alg: "ES256", Private: []byte("private"), Evidence: []byte("evidence"), Created: epoch, Active: epoch.Add(time.Hour)}),
		tx.PutSecret("pepper", []byte("salt")),
		tx.PutCredential(store.Credential{Client: "agent", ID: "c1", Kind: "secret-sha256", Verifier: []byte{1, 2}, Created: epoch}),
		tx.PutOpaque(store.Opaque{Hash: hash1, Claims: []byte("claims"), Expires: epoch.Add(time.Minute)}),
		tx.PutUses(store.Uses{Token: token1, Left: 3, Expires: epoch.Add(time.Minute)}),
		tx.PutUseSeen(token1, "a", epoch.Add(time.Minute)),
		tx.PutPerson(store.Person{Lookup: hash1, ID: token1, Key: bytes.Repeat([]byte{'p'}, 32), Since: epoch}),
		tx.SetRoot([32]byte{8}),
		tx.PutCheckpoint(store.Checkpoint{Size: 1, Root: [32]byte{8}, Note: []byte("note")}),
		errRev, errEntry, errTile,
	)
}

// writes are all the ways to change a store that fill has filled.
var writes = map[string]func(store.Tx) error{
	"put policy":     func(tx store.Tx) error { return tx.PutPolicy(store.Policy{Version: 2}) },
	"put key":        func(tx store.Tx) error { return tx.PutKey(store.Key{ID: "k2"}) },
	"delete key":     func(tx store.Tx) error { return tx.DeleteKey("k1") },
	"put secret":     func(tx store.Tx) error { return tx.PutSecret("pepper", []byte("new")) },
	"put credential": func(tx store.Tx) error { return tx.PutCredential(store.Credential{Client: "new", ID: "c1"}) },
	"note credential use": func(tx store.Tx) error {
		return tx.NoteCredentialUse("agent", "c1", epoch.Add(time.Hour))
	},
	"delete credential": func(tx store.Tx) error { return tx.DeleteCredential("agent", "c1") },
	"put opaque":        func(tx store.Tx) error { return tx.PutOpaque(store.Opaque{Hash: hash1, Claims: []byte("new")}) },
	"put uses":          func(tx store.Tx) error { return tx.PutUses(store.Uses{Token: token1, Left: 2}) },
	"put use seen":      func(tx store.Tx) error { return tx.PutUseSeen(token1, "b", epoch) },
	"append revocation": func(tx store.Tx) error {
		_, err := tx.AppendRevocation(store.Revocation{Kind: "task"})
		return err
	},
	"delete revocation": func(tx store.Tx) error { return tx.DeleteRevocation(1) },
	"put person":        func(tx store.Tx) error { return tx.PutPerson(store.Person{Lookup: hash1, ID: token2}) },
	"drop entry":        func(tx store.Tx) error { return tx.DropEntry(0, []byte("rest")) },
	"append entry": func(tx store.Tx) error {
		_, err := tx.AppendEntry([]byte("next"), epoch.Add(time.Second))
		return err
	},
	"append tile": func(tx store.Tx) error {
		_, err := tx.AppendTile([]byte("tile"))
		return err
	},
	"set root":       func(tx store.Tx) error { return tx.SetRoot([32]byte{9}) },
	"put checkpoint": func(tx store.Tx) error { return tx.PutCheckpoint(store.Checkpoint{Witnessed: true, Size: 1}) },
	"set generation": func(tx store.Tx) error { return tx.SetGeneration([16]byte{8}) },
	"drop expired": func(tx store.Tx) error {
		_, err := tx.DropExpired(epoch.Add(24*time.Hour), 10)
		return err
	},
}

// contents is all that fill and the writes may have written, as text.
func contents(r store.Reader) (string, error) {
	var out bytes.Buffer
	var errs []error
	add := func(what string, value any, err error) {
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			errs = append(errs, err)
		}
		fmt.Fprintf(&out, "%s: %+v, found %t\n", what, value, err == nil)
	}
	m, err := r.Meta()
	add("meta", m, err)
	for v := range uint64(3) {
		p, err := r.Policy(v)
		add("policy", p, err)
	}
	keys, err := r.Keys()
	add("keys", keys, err)
	secret, err := r.Secret("pepper")
	add("secret", secret, err)
	credentials, err := r.Credentials()
	add("credentials", credentials, err)
	o, err := r.Opaque(hash1)
	add("opaque", o, err)
	u, err := r.Uses(token1)
	add("uses", u, err)
	for _, id := range []string{"a", "b"} {
		seen, err := r.UseSeen(token1, id)
		add("use", seen, err)
	}
	p, err := r.Person(hash1)
	add("person", p, err)
	for _, id := range [][16]byte{token1, token2} {
		p, err := r.PersonByID(id)
		add("person by id", p, err)
	}
	add("revocations", "end", r.Revocations(0, func(rev store.Revocation) bool { add("revocation", rev, nil); return true }))
	add("entries", "end", r.Entries(0, func(index uint64, entry []byte) bool {
		add("entry", fmt.Sprintf("%d %x", index, sha256.Sum256(entry)), nil)
		return true
	}))
	for i := range uint64(3) {
		tile, err := r.Tile(i)
		add("tile", tile, err)
	}
	for _, witnessed := range []bool{false, true} {
		c, err := r.Checkpoint(witnessed)
		add("checkpoint", c, err)
	}
	return out.String(), errors.Join(errs...)
}

func state(t testing.TB, s *Store) (text string) {
	t.Helper()
	err := s.View(context.Background(), func(r store.Reader) (err error) {
		text, err = contents(r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}
