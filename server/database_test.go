package server_test

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

// edit changes the database of a server that has stopped, as somebody may who has the file and not the key.
func edit(t *testing.T, c server.Config, change func(store.Tx) error) {
	t.Helper()
	db, err := bolt.Open(bolt.Config{Path: filepath.Join(c.DataDir, "db", "whittle.db")})
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := db.Update(context.Background(), change)
	if err := errors.Join(append(outcomes, err, db.Close())...); err != nil {
		t.Fatal(err)
	}
}

// What takes effect from the database alone: docs/threat-model.md says that this does not hold. Whoever makes
// it hold turns this test around.
func TestWhoeverWritesTheDatabaseIsBelieved(t *testing.T) {
	c := settings(t)
	c.Issuer = "http://127.0.0.1:1"
	policy := servertest.ReadFile(t, "../test/scenarios/policies/platform.yaml")
	w := servertest.Start(t, servertest.Options{Policy: policy, Edit: func(e *server.Config) { *e = c }})
	b := browser{w, t}
	revoked := b.narrow()
	if err := w.GRPC().RevokeToken(context.Background(), w.Client("research-agent"), &whittlev1.RevokeTokenRequest{Token: revoked}); err != nil {
		t.Fatal(err)
	}
	w.Stop()
	secret, verifier, err := clientauth.NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edit(t, c, func(tx store.Tx) error {
		meta, err := tx.Meta()
		return errors.Join(err, tx.DeleteRevocation(meta.Rev), tx.PutCredential(store.Credential{
			Client: "ops-console", ID: "mine", Kind: clientauth.KindSecret, Verifier: verifier[:], Created: time.Now(),
		}))
	})
	w.Boot(c)
	ctx := w.As(context.Background(), servertest.Client{ID: "ops-console", Secret: secret.Reveal()})
	if _, err := whittlev1.NewPolicyServiceClient(w.Conn).GetPolicy(ctx, &whittlev1.GetPolicyRequest{}); err != nil {
		t.Errorf("a credential that was put into the file isn't taken: %v", err)
	}
	if !b.look(w.GRPC(), "data-gateway", revoked).GetActive() {
		t.Error("a revocation that was taken out of the file still holds")
	}
}

// What the file can't give: a signing key of one's own, or another's in its place. Nothing is served then.
func TestASigningKeyCanNotBePutIntoTheDatabase(t *testing.T) {
	for name, change := range map[string]func(store.Key) store.Key{
		"one's own private key":    func(k store.Key) store.Key { k.Private = []byte("a key of mine, as PKCS #8"); return k },
		"one's own evidence key":   func(k store.Key) store.Key { k.Evidence = make([]byte, 32); return k },
		"the same key, other name": func(k store.Key) store.Key { k.ID = "another"; return k },
	} {
		t.Run(name, func(t *testing.T) {
			c := settings(t)
			servertest.Start(t, servertest.Options{Edit: func(e *server.Config) { *e = c }}).Stop()
			edit(t, c, func(tx store.Tx) error {
				keys, err := tx.Keys()
				if err != nil || len(keys) == 0 {
					return errors.Join(err, errors.New("no keys"))
				}
				return tx.PutKey(change(keys[0]))
			})
			if s, err := server.New(context.Background(), c); !errors.Is(err, store.ErrCorrupt) {
				if err == nil {
					s.Close()
				}
				t.Errorf("got %v", err)
			}
		})
	}
}
