package storetest

import (
	"time"

	"github.com/whittle-sts/whittle/store"
)

// writes are all the ways to change a store that holds everything.
var writes = map[string]func(store.Tx) error{
	"put policy":          func(tx store.Tx) error { return tx.PutPolicy(store.Policy{Version: 2}) },
	"put key":             func(tx store.Tx) error { return tx.PutKey(store.Key{ID: "k2"}) },
	"delete key":          func(tx store.Tx) error { return tx.DeleteKey("k1") },
	"put secret":          func(tx store.Tx) error { return tx.PutSecret("pepper", []byte("new")) },
	"put credential":      func(tx store.Tx) error { return tx.PutCredential(store.Credential{Client: "new", ID: "c1"}) },
	"delete credential":   func(tx store.Tx) error { return tx.DeleteCredential("agent", "c1") },
	"note credential use": func(tx store.Tx) error { return tx.NoteCredentialUse("agent", "c1", epoch.Add(24*time.Hour)) },
	"put opaque":          func(tx store.Tx) error { return tx.PutOpaque(store.Opaque{Hash: hash(2)}) },
	"put uses":            func(tx store.Tx) error { return tx.PutUses(store.Uses{Token: token(1), Left: 2}) },
	"put use seen":        func(tx store.Tx) error { return tx.PutUseSeen(token(1), "b", epoch) },
	"append revocation": func(tx store.Tx) error {
		_, err := tx.AppendRevocation(store.Revocation{Kind: "task"})
		return err
	},
	"delete revocation": func(tx store.Tx) error { return tx.DeleteRevocation(1) },
	"put person":        func(tx store.Tx) error { return tx.PutPerson(store.Person{Lookup: hash(2), ID: person(2)}) },
	"append entry": func(tx store.Tx) error {
		_, err := tx.AppendEntry([]byte("next"), epoch.Add(time.Second))
		return err
	},
	"append tile": func(tx store.Tx) error {
		_, err := tx.AppendTile([]byte("tile"))
		return err
	},
	"set root":       setRoot,
	"put checkpoint": func(tx store.Tx) error { return tx.PutCheckpoint(store.Checkpoint{Size: 2}) },
	"set generation": func(tx store.Tx) error { return tx.SetGeneration(token(8)) },
	"drop expired": func(tx store.Tx) error {
		_, err := tx.DropExpired(epoch.Add(24*time.Hour), 10)
		return err
	},
}
