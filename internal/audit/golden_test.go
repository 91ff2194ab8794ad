package audit

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/whittle-sts/whittle/store"
)

var update = flag.Bool("update", false, "write golden entries that are missing; those that are there never change")

// goldenEvents are entries of each shape; testdata holds their bytes, for good.
func goldenEvents() map[string]Event {
	refused := sample("00u1ana")
	refused.Outcome, refused.Reason, refused.Detail, refused.Granted = OutcomeRefused, "invalid_scope", "<partly> \"refused\" \u2028 \x01", nil
	onBehalf := sample("00u1ana")
	onBehalf.ActorToken = &Token{ID: "BBBBBBBBBBBBBBBBBBBBBA", Form: "opaque", Client: "summarizer", Issued: noon, Expires: noon.Add(time.Minute)}
	onBehalf.Asked.ActorTokenType = "urn:ietf:params:oauth:token-type:access_token"
	onBehalf.People = append(onBehalf.People, Person{Role: RoleActor, Personal: Personal{Issuer: "corp", Subject: "00u2bo"}})
	onBehalf.Granted.Impersonates, onBehalf.Granted.Uses, onBehalf.Granted.Form = true, 1, "opaque"
	return map[string]Event{
		"exchange":  sample("00u1ana"),
		"on-behalf": onBehalf,
		"refused":   refused,
		"use": {
			Kind: KindUse, Outcome: OutcomeDone, Time: noon, Client: "model-gateway", Wire: "oauth", Policy: 7,
			Used: &Used{Token: "AAAAAAAAAAAAAAAAAAAAAQ", Task: "AAAAAAAAAAAAAAAAAAAAAg", UseID: "u1", Limited: []string{"3q2-7wAAAAAAAAAAAAAAAA"}},
		},
		"revocation": {
			Kind: KindRevocation, Outcome: OutcomeDone, Time: noon, Client: "ops-console", Wire: "connect",
			Revoked: &Revoked{Seq: 13, Kind: "subject", Block: true, Expires: noon.Add(7 * 24 * time.Hour)},
			People:  []Person{{Role: RoleSelector, Personal: Personal{Issuer: "corp", Subject: "00u1ana", Reason: "left the company"}}},
		},
		"policy": {
			Kind: KindPolicy, Outcome: OutcomeDone, Time: noon, Client: "ops-console", Wire: "grpc", Policy: 7,
			Change: &Change{Action: "applied", Version: 8, Digest: "9f86d081", Note: "research may read"},
		},
		"key": {
			Kind: KindKey, Outcome: OutcomeDone, Time: noon,
			Change: &Change{Action: "added", ID: "k8", Alg: "ES256", Active: noon.Add(time.Hour)},
		},
		"clock": {
			Kind: KindClock, Outcome: OutcomeDone, Time: noon, Client: "bootstrap", Policy: 7,
			Change: &Change{Action: ActionAccepted, Wall: noon.Add(-3 * time.Hour)},
		},
		"restore": {
			Kind: KindRestore, Outcome: OutcomeDone, Time: noon,
			Restored: &Restored{
				From:  Past{Generation: "0f", Newest: noon.Add(-time.Hour), Policy: 7, Rev: 13, Root: "2f", Size: 40},
				Known: &Past{Generation: "0f", Root: "3f", Rev: 15, Size: 44},
			},
		},
		"every-use": {
			Kind: KindEveryUse, Outcome: OutcomeDone, Time: noon, Client: "data-gateway", Wire: "grpc", Policy: 7, Rev: 12,
			Uses: &Uses{Rows: []Usage{{
				Token: "AAAAAAAAAAAAAAAAAAAAAQ", Task: "AAAAAAAAAAAAAAAAAAAAAg", Client: "research-agent",
				Scope: "ai.usage.log.read", Action: "GET /logs", Count: 1,
			}}},
			People: []Person{{Role: RoleSubject, Personal: Personal{Issuer: "corp", Subject: "00u1ana"}}},
		},
		"uses": {
			Kind: KindUses, Outcome: OutcomeDone, Time: noon, Client: "data-gateway",
			Uses: &Uses{Minute: noon.Add(-time.Minute), Rows: []Usage{
				{Token: "AAAAAAAAAAAAAAAAAAAAAQ", Task: "AAAAAAAAAAAAAAAAAAAAAg", Client: "research-agent", Scope: "ai.training.read", Count: 99_995},
				{Token: "AAAAAAAAAAAAAAAAAAAAAQ", Task: "AAAAAAAAAAAAAAAAAAAAAg", Client: "research-agent", Scope: "ai.deploy.manage", Count: 1, Uncovered: true},
				{Count: 7},
			}},
		},
		"refusals": {
			Kind: KindRefusals, Outcome: OutcomeRefused, Time: noon, Client: "research-agent", Reason: "invalid_scope",
			Detail: "<nobody>\"is named\" \u2028 \x01", Counted: &Counted{Count: 99_995, Since: noon.Add(-time.Minute)},
		},
	}
}

// The stored form of an entry is final: programs to come must read what this one writes, and its hash
// is in a tree. If this test fails, the change is wrong, not the file.
func TestGoldenEntries(t *testing.T) {
	for name, event := range goldenEvents() {
		t.Run(name, func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, 1) // the nonces
			m := newMemory()
			m.state.secrets[keyName] = make([]byte, 32) // or it would take the randomness that these were made with
			l, err := Open(Config{Store: m, Now: func() time.Time { return noon }, Random: rand.NewChaCha8([32]byte{1}), Issuer: "https://whittle.example.com"})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			got := stored(t, l, record(t, l, event))
			file := filepath.Join("testdata", name+".json")
			want, err := os.ReadFile(file)
			if *update && errors.Is(err, fs.ErrNotExist) {
				want, err = got, os.WriteFile(file, got, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, got) {
				t.Errorf("wrote %s\n want %s", got, want)
			}
			read, err := l.event(t.Context(), want)
			if err != nil {
				t.Fatal(err)
			}
			sameEvent(t, event, read)
		})
	}
}

// FuzzDecode: whatever is taken as an entry has one form, no other bytes mean the same, and it means what the types say.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no golden entries", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		readsAlike(t, entry)
		e, err := Decode(entry)
		if err != nil {
			if !errors.Is(err, ErrEntry) && !errors.Is(err, ErrDropped) {
				t.Fatal(err)
			}
			return
		}
		canonicalOrFail(t, entry)
		for i := range e.People {
			_ = e.People[i].open(store.Person{Key: make([]byte, 32)}, e.Decision, i)
		}
	})
}

// FuzzPersonal: what was sealed is read without harm, and writes back as it was read.
func FuzzPersonal(f *testing.F) {
	f.Add([]byte(`{"subject":"00u1ana","attributes":{"a":[1,1.0,-0.0,1e300,true,null,{"b":"c"}]},"groups":["g"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		readsPersonAlike(t, text)
		var p, q Personal
		if decodePersonal(text, &p) != nil {
			return
		}
		again, err := encodePersonal(&p)
		if err != nil {
			t.Fatal(err)
		}
		if err := decodePersonal(again, &q); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if third, err := encodePersonal(&q); err != nil || !bytes.Equal(again, third) {
			t.Fatalf("%s\n%s: %v", again, third, err)
		}
	})
}
