package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/store"
)

// step is one drawn call on a Tx. It says what came back.
type step func(store.Tx) string

// plan is one drawn function of an Update.
type plan struct {
	steps []step
	fail  bool // in the end
}

// run is the plan on a transaction; what came back goes to answers.
func (p plan) run(answers *[]string) func(store.Tx) error {
	return func(tx store.Tx) error {
		for _, s := range p.steps {
			*answers = append(*answers, s(tx))
		}
		if p.fail {
			return errRefused
		}
		return nil
	}
}

// testModel runs the same drawn transactions on the engine and on the model, and compares all that
// they answer and hold after each.
func testModel(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		folder := t.TempDir()
		engine, model := open(t, folder), store.Store(newMemory())
		defer func() { _ = engine.Close() }()
		for _, s := range []store.Store{engine, model} {
			// A store may begin with a generation of its own.
			update(t, s, func(tx store.Tx) error { return tx.SetGeneration(token(9)) })
		}
		for range rapid.IntRange(1, 12).Draw(rt, "transactions") {
			plans := rapid.SliceOfN(rapid.Custom(drawPlan), 1, 4).Draw(rt, "plans")
			if got, want := apply(engine, plans), apply(model, plans); got != want {
				rt.Fatalf("the engine answered\n%s\nthe model\n%s", got, want)
			}
			if rapid.IntRange(0, 9).Draw(rt, "reopen") == 0 {
				if err := engine.Close(); err != nil {
					rt.Fatal(err)
				}
				engine = open(t, folder)
			}
			if got, want := stateOf(t, engine), stateOf(t, model); got != want {
				rt.Fatalf("the engine holds\n%s\nthe model\n%s", got, want)
			}
		}
	})
}

func apply(s store.Store, plans []plan) string {
	var answers []string
	fns := make([]func(store.Tx) error, len(plans))
	for i, p := range plans {
		fns[i] = p.run(&answers)
	}
	outcomes, err := s.Update(context.Background(), fns...)
	return fmt.Sprint(answers, outcomes, errors.Is(err, store.ErrDirty), err == nil)
}

func drawPlan(t *rapid.T) plan {
	return plan{rapid.SliceOfN(rapid.Custom(drawStep), 0, 4).Draw(t, "steps"), rapid.IntRange(0, 7).Draw(t, "fails") == 0}
}

// quiet is a step that says only whether it was taken.
func quiet(fn func(store.Tx) error) step {
	return func(tx store.Tx) string { return fmt.Sprint(fn(tx) == nil) }
}

func drawTime(t *rapid.T) time.Time {
	n := rapid.IntRange(-1, 5).Draw(t, "time")
	if n < 0 {
		return time.Time{}
	}
	return epoch.Add(time.Duration(n) * time.Second)
}

func drawStep(t *rapid.T) step {
	at, small, n := drawTime(t), rapid.IntRange(0, numbered-1).Draw(t, "n"), rapid.Uint32().Draw(t, "number")
	bytes := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "bytes")
	text := rapid.String().Draw(t, "text")
	name := keyIDs[small%len(keyIDs)]
	useID := useIDs[n%uint32(len(useIDs))]
	// Entries aren't dropped here: only those below a full tile may be, and there are too few.
	switch kind := rapid.IntRange(0, 19).Draw(t, "kind"); kind {
	case 0:
		version := uint64(small)
		return quiet(func(tx store.Tx) error {
			return tx.PutPolicy(store.Policy{Version: version, YAML: bytes, Applied: at, By: text, Note: text})
		})
	case 1:
		return quiet(func(tx store.Tx) error {
			return tx.PutKey(store.Key{ID: name, Alg: text, Private: bytes, Evidence: bytes, Created: at, Active: at, Retired: at, Expires: at, Revoked: n%2 == 0})
		})
	case 2:
		return quiet(func(tx store.Tx) error { return tx.DeleteKey(name) })
	case 3:
		return quiet(func(tx store.Tx) error { return tx.PutSecret(secretNames[small%2], bytes) })
	case 4:
		return quiet(func(tx store.Tx) error {
			return tx.PutCredential(store.Credential{Client: name, ID: useIDs[1+n%3], Kind: text, Verifier: bytes, Created: at, Expires: at, Disabled: n%2 == 0, LastUsed: at})
		})
	case 5:
		return quiet(func(tx store.Tx) error { return tx.DeleteCredential(name, useIDs[1+n%3]) })
	case 6:
		return quiet(func(tx store.Tx) error {
			return tx.PutOpaque(store.Opaque{Hash: hash(small), Claims: bytes, Expires: at})
		})
	case 7:
		return quiet(func(tx store.Tx) error {
			return tx.PutUses(store.Uses{Token: token(small), Left: n, Expires: at})
		})
	case 8:
		return quiet(func(tx store.Tx) error { return tx.PutUseSeen(token(small), useID, at) })
	case 9:
		return func(tx store.Tx) string {
			return fmt.Sprint(tx.AppendRevocation(store.Revocation{Kind: name, Selector: text, Block: n%2 == 0, At: at, Expires: at, By: text, Reason: text}))
		}
	case 10:
		return quiet(func(tx store.Tx) error { return tx.DeleteRevocation(uint64(small)) })
	case 11:
		return quiet(func(tx store.Tx) error {
			return tx.PutPerson(store.Person{Lookup: hash(small), ID: person(int(n % numbered)), Key: bytes, Since: at})
		})
	case 12:
		return quiet(func(tx store.Tx) error { return tx.DeletePerson(hash(small)) })
	case 13:
		return func(tx store.Tx) string { return fmt.Sprint(tx.AppendEntry(bytes, at)) }
	case 14:
		return func(tx store.Tx) string { return fmt.Sprint(tx.AppendTile(bytes)) }
	case 15:
		return quiet(setRoot)
	case 16:
		return quiet(func(tx store.Tx) error {
			return tx.PutCheckpoint(store.Checkpoint{Witnessed: n%2 == 0, Size: uint64(n), Root: hash(small), Note: bytes})
		})
	case 17:
		return quiet(func(tx store.Tx) error { return tx.NoteCredentialUse(name, useIDs[1+n%3], at) })
	case 18:
		return func(tx store.Tx) string { return fmt.Sprint(tx.DropExpired(at, 1000)) }
	default:
		return func(tx store.Tx) string { return fmt.Sprint(state(tx)) }
	}
}
