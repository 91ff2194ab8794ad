package engine

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/store"
)

// exported is all that an export sends.
func (w *world) exported(subject string) (items []PersonItem, err error) {
	err = w.ExportPerson(context.Background(), w.as("desk"), subject, func(item PersonItem) error {
		items = append(items, item)
		return nil
	})
	return items, err
}

// entriesOf is what an export says of the person in entries.
func entriesOf(items []PersonItem) (about []audit.Person) {
	for _, item := range items {
		if item.Entry != nil {
			about = append(about, item.Entry.About...)
		}
	}
	return about
}

// keyOf is the person's record, while there is one.
func (w *world) keyOf(subject string) (record store.Person) {
	w.t.Helper()
	held := audit.Held{}
	w.check(w.Engine.store.View(context.Background(), func(r store.Reader) (err error) {
		if held, err = w.log.Held(r, audit.Name{Issuer: "corp", Subject: subject}); err != nil {
			return err
		}
		return r.People([32]byte{}, func(p store.Person) bool {
			if base64.RawURLEncoding.EncodeToString(p.ID[:]) == string(held.Key) {
				record = p
				record.Key = bytes.Clone(p.Key)
			}
			return true
		})
	}))
	return record
}

func TestAnExportHasAllThatIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := outside(w.ana(), "ai.training.read")
	req.TaskLabel = "the thesis"
	w.trade("agent", req)
	w.trade("agent", outside(w.person("bob", anasClaims()), "ai.training.read"))
	_, err := w.Revoke(context.Background(), w.as("ops"), RevokeRequest{Selector: subjectOf("corp:ana"), Reason: "ana left", Block: true})
	w.check(err)
	_, err = w.Exchange(context.Background(), w.as("agent"), outside(w.ana(), "ai.training.read"))
	w.explain(mustBe(t, err, InvalidRequest).Decision)
	w.apply(strings.Replace(w.policy, "subject: nora", "subject: ana", 1))

	items, err := w.exported("corp:ana")
	w.check(err)
	if items[0].Held == nil || items[0].Held.Key == "" || items[0].Held.Since.IsZero() {
		t.Errorf("it begins with %+v", items[0])
	}
	var roles []string
	for _, p := range entriesOf(items) {
		roles = append(roles, string(p.Role))
		if p.Subject != "ana" || p.Erased {
			t.Errorf("it has %+v", p)
		}
	}
	if !slices.Equal(roles, []string{"subject", "selector", "subject"}) {
		t.Errorf("roles: %v", roles)
	}
	first := entriesOf(items)[0]
	if first.Label != "the thesis" || !slices.Equal(first.Groups, []string{"research"}) || first.Attributes["mfa"] != true || !slices.Equal(first.Bindings, []string{"researchers"}) {
		t.Errorf("the grant says %+v", first)
	}
	var revocations, mentions int
	for _, item := range items {
		if item.Revocation != nil && item.Revocation.Selector == subjectOf("corp:ana") && item.Revocation.Reason == "ana left" {
			revocations++
		}
		if item.Mention != nil && strings.Contains(item.Mention.Text, "nights") && item.Mention.First == 2 && item.Mention.Line > 0 {
			mentions++
		}
	}
	if revocations != 1 || mentions != 1 {
		t.Errorf("%d revocations, %d mentions in %+v", revocations, mentions, items)
	}
	// That it was asked for is on the record, and itself about the person.
	again, err := w.exported("corp:ana")
	w.check(err)
	kinds := map[audit.Kind]int{}
	for _, item := range again {
		if item.Entry != nil {
			kinds[w.event(item.Entry.Entry).Kind]++
		}
	}
	if kinds[audit.KindPrivacy] != 2 {
		t.Errorf("entries of the second export: %v", kinds)
	}
}

func TestWhoIsErasedCanNotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	for range 3 {
		w.trade("agent", outside(w.ana(), "ai.training.read"))
		w.trade("agent", outside(w.person("bob", anasClaims()), "ai.training.read"))
	}
	_, err := w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: subjectOf("corp:ana"), Reason: "ana left"})
	w.check(err)
	record := w.keyOf("ana")
	size := w.log.Size()
	done, err := w.ErasePerson(ctx, w.as("desk"), "corp:ana")
	w.check(err)
	if done.Traces || len(done.Revocations) != 1 || done.Entry != size || string(done.Key) != base64.RawURLEncoding.EncodeToString(record.ID[:]) {
		t.Errorf("it says %+v", done)
	}
	w.check(audit.Check(ctx, w.faults))
	file, err := os.ReadFile(w.path)
	w.check(err)
	if bytes.Contains(file, record.Key) {
		t.Error("the file still has the key")
	}

	// Neither what is asked for by name nor entries read one by one tell anything, also after a restart.
	for range 2 {
		found, err := w.Entries(ctx, w.as("ops"), EntriesRequest{Limit: 1000})
		w.check(err)
		erased := 0
		for _, e := range found.Entries {
			for _, p := range e.People {
				if p.Subject == "ana" || p.Reason == "ana left" {
					t.Errorf("entry %d names %+v", e.Index, p)
				}
				if p.Erased && p.Subject == "" && p.Groups == nil {
					erased++
				}
			}
		}
		if erased != 4 {
			t.Errorf("%d erased of 4", erased)
		}
		if items, err := w.exported("corp:ana"); err != nil || len(entriesOf(items)) > 0 || items[0].Held.Key != "" {
			t.Errorf("an export has %+v, %v", items, err)
		}
		if items, err := w.exported("corp:bob"); err != nil || len(entriesOf(items)) != 3 {
			t.Errorf("bob's has %+v, %v", items, err)
		}
		w.restart()
	}

	// The revocation goes on working; whoever comes after it is somebody new to the log.
	w.refusal("agent", outside(w.ana(), "ai.training.read"), InvalidRequest)
	w.clock.pass(10 * time.Minute)
	w.trade("agent", outside(w.ana(), "ai.training.read"))
	if next := w.keyOf("ana"); next.ID == record.ID || bytes.Equal(next.Key, record.Key) {
		t.Error("the key came back")
	}
	if _, err := w.ErasePerson(ctx, w.as("desk"), "corp:ana"); err != nil {
		t.Errorf("once more: %v", err)
	}
	_, err = w.ErasePerson(ctx, w.as("desk"), "corp:ana")
	mustBe(t, err, NotFound)
}

// The record of a revocation in force is in the clear, its reason too, whoever it names is erased or not; the entry of it is
// sealed. The record goes when the revocation ends, and its traces with the next clearing of free space.
func TestTheReasonOfARevocationGoesWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	_, err := w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: subjectOf("corp:ana"), Reason: "ana was dismissed"})
	w.check(err)
	_, err = w.ErasePerson(ctx, w.as("desk"), "corp:ana")
	w.check(err)
	there := func() int {
		file, err := os.ReadFile(w.path)
		w.check(err)
		return bytes.Count(file, []byte("ana was dismissed"))
	}
	if n := there(); n == 0 {
		t.Errorf("while it is in force and the person erased, the file has the reason %d times", n)
	}
	w.clock.pass(8 * 24 * time.Hour)
	w.check(w.KeepOnce(ctx))
	w.check(w.store.Scrub(ctx))
	if n := there(); n != 0 {
		t.Errorf("after its end the file has the reason %d times", n)
	}
}

func TestPrivacyNeedsItsPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.trade("agent", outside(w.ana(), "ai.training.read"))
	for _, client := range []string{"bootstrap", "ops", "agent", "watcher"} {
		_, err := w.ErasePerson(ctx, w.as(client), "corp:ana")
		w.explain(mustBe(t, err, AccessDenied).Decision)
		err = w.ExportPerson(ctx, w.as(client), "corp:ana", func(item PersonItem) error {
			t.Errorf("%s is sent %+v", client, item)
			return nil
		})
		mustBe(t, err, AccessDenied)
	}
	for _, nobody := range []string{"", "corp:", strings.Repeat("x", 600), "corp:\xff"} {
		_, err := w.ErasePerson(ctx, w.as("desk"), nobody)
		mustBe(t, err, InvalidRequest)
		mustBe(t, w.ExportPerson(ctx, w.as("desk"), nobody, nil), InvalidRequest)
	}
	for _, other := range []string{"ana", "ci:ana", "corp:an", "corp:Ana", "corp:ana "} {
		_, err := w.ErasePerson(ctx, w.as("desk"), other)
		mustBe(t, err, NotFound)
	}
	if items, err := w.exported("corp:ana"); err != nil || len(entriesOf(items)) != 1 {
		t.Errorf("she is held as %+v, %v", items, err)
	}
}

func TestAnErasureThatFailsErasesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.trade("agent", outside(w.ana(), "ai.training.read"))
	w.faults.fail(1, 0)
	_, err := w.ErasePerson(ctx, w.as("desk"), "corp:ana")
	mustBe(t, err, TemporarilyUnavailable)
	if items, err := w.exported("corp:ana"); err != nil || len(entriesOf(items)) != 1 {
		t.Errorf("she is held as %+v, %v", items, err)
	}
	// Durable all the same, though it can't be answered: the next one says that nobody is there, and no memory seals for her.
	w.faults.fail(0, 1)
	_, err = w.ErasePerson(ctx, w.as("desk"), "corp:ana")
	mustBe(t, err, TemporarilyUnavailable)
	_, err = w.ErasePerson(ctx, w.as("desk"), "corp:ana")
	mustBe(t, err, NotFound)
	w.trade("agent", outside(w.ana(), "ai.training.read"))
	if items, err := w.exported("corp:ana"); err != nil || len(entriesOf(items)) != 1 {
		t.Errorf("after it she is held as %+v, %v", items, err)
	}
	w.check(audit.Check(ctx, w.faults))
}

// What is erased during an export ends it: nobody takes a part for all.
func TestErasureDuringAnExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	for range personStep + 10 {
		w.trade("agent", outside(w.ana(), "ai.training.read"))
	}
	sent := 0
	err := w.ExportPerson(ctx, w.as("desk"), "corp:ana", func(item PersonItem) error {
		if item.Entry != nil {
			if sent++; sent == 1 {
				if _, err := w.ErasePerson(ctx, w.as("desk"), "corp:ana"); err != nil {
					t.Error(err)
				}
				w.trade("agent", outside(w.ana(), "ai.training.read")) // she is there again, as somebody else
			}
		}
		return nil
	})
	mustBe(t, err, Conflict)
	if sent != personStep {
		t.Errorf("%d entries were sent, of which %d were read before", sent, personStep)
	}
}

// While exchanges of the same people go on, erasures leave no entry that an erased key opens or is used for again.
func TestErasureWhileTheSamePersonTrades(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	people := []string{"ana", "bob", "eve"}
	var tokens []ExchangeRequest
	for _, p := range people {
		tokens = append(tokens, outside(w.person(p, anasClaims()), "ai.training.read"))
	}
	agent, desk := w.as("agent"), w.as("desk")
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			for ctx.Err() == nil {
				if _, err := w.Exchange(context.Background(), agent, tokens[i%len(tokens)]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Go(func() {
		follow := FollowRequest{From: new(uint64)}
		err := w.FollowEntries(ctx, w.as("ops"), follow, func(*Entry, uint64) error { return nil })
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error("following:", err)
		}
	})
	gone := map[string]uint64{} // which key was erased, by which entry
	for i := range 30 {
		done, err := w.ErasePerson(context.Background(), desk, "corp:"+people[i%len(people)])
		if refused, ok := errors.AsType[*Error](err); ok && refused.Code == NotFound {
			continue // not named again yet
		}
		w.check(err)
		gone[string(done.Key)] = done.Entry
	}
	stop()
	group.Wait()
	if len(gone) < 10 {
		t.Fatalf("%d erasures", len(gone))
	}
	w.check(audit.Check(context.Background(), w.faults))
	for from := uint64(0); ; {
		found, err := w.log.Search(context.Background(), audit.Query{From: from, Limit: 1000})
		w.check(err)
		for _, e := range found.Found {
			for _, p := range e.People {
				erasedAt, erased := gone[p.Key]
				if erased != p.Erased || erased && e.Index > erasedAt {
					t.Errorf("entry %d is under key %s: erased %v by entry %d", e.Index, p.Key, erased, erasedAt)
				}
			}
		}
		if from = found.Next; !found.More {
			break
		}
	}
}

func TestNamesAreFoundAsWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "ana": true, "{ subject: ana }": true, `"ana"`: true, "ana@corp": true, "# for ana, until May": true, "banana": false, "ana2": false,
		"ana-maria": false, "anä ana": true, "äana": false, "anaana ana": true, "corp:ana": true,
	} {
		if mentioned(text, "ana") != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
	if !mentioned("for o'neil (x)", "o'neil (x)") {
		t.Error("a subject that is no word isn't found")
	}
}
