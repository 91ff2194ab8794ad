package server_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server/servertest"
)

type receive = func() (*whittlev1.FollowEntriesResponse, error)

// entryOf receives up to the next entry.
func entryOf(t *testing.T, next receive) *whittlev1.FollowEntriesResponse {
	t.Helper()
	for {
		got, err := next()
		if err != nil {
			t.Fatal(err)
		}
		if got.GetEntry() != nil {
			return got
		}
	}
}

// refusalOf receives until the stream is refused.
func refusalOf(t *testing.T, next receive) *servertest.Refusal {
	t.Helper()
	for {
		if _, err := next(); err != nil {
			refusal, ok := errors.AsType[*servertest.Refusal](err)
			if !ok {
				t.Fatal(err)
			}
			return refusal
		}
	}
}

// revoke makes an entry.
func (b browser) revoke(task string) {
	b.t.Helper()
	_, err := whittlev1.NewRevocationServiceClient(b.Conn).Revoke(b.As(context.Background(), b.Client("bootstrap")),
		&whittlev1.RevokeRequest{Selector: &whittlev1.Selector{By: &whittlev1.Selector_Task{Task: task}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestTheLogIsFollowedOnEveryWire(t *testing.T) {
	b := platform(t, nil)
	ops := b.Client("ops-console")
	for _, feed := range b.Feeds() {
		t.Run(feed.Name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			all := feed.Follow(ctx, ops, &whittlev1.FollowEntriesRequest{From: proto.Uint64(0)})
			fresh := feed.Follow(ctx, ops, &whittlev1.FollowEntriesRequest{})
			now, err := fresh()
			if err != nil || now.GetEntry() != nil || now.GetNext() == 0 {
				t.Fatalf("the first word: %v, %v", now, err)
			}
			for i := range now.GetNext() {
				if got := entryOf(t, all); got.GetEntry().GetIndex() != i || got.GetNext() != i+1 {
					t.Fatalf("entry %d: %v", i, got)
				}
			}
			b.revoke(strings.Repeat("A", 22))
			for name, next := range map[string]receive{"all": all, "fresh": fresh} {
				if got := entryOf(t, next); got.GetEntry().GetIndex() != now.GetNext() || len(got.GetEntry().GetSealed()) == 0 {
					t.Errorf("%s, what came: %v", name, got)
				}
			}
			again := feed.Follow(ctx, ops, &whittlev1.FollowEntriesRequest{From: proto.Uint64(now.GetNext())})
			if got := entryOf(t, again); got.GetEntry().GetIndex() != now.GetNext() {
				t.Errorf("resumed: %v", got)
			}
		})
	}
}

// A server that stops tells its followers to connect again, and doesn't wait for them.
func TestStoppingEndsTheStreams(t *testing.T) {
	for i := range 4 {
		b := platform(t, nil)
		feed := b.Feeds()[i]
		next := feed.Follow(context.Background(), b.Client("ops-console"), &whittlev1.FollowEntriesRequest{})
		if _, err := next(); err != nil {
			t.Fatal(err)
		}
		b.Stop() // fails the test if it isn't orderly
		if got := refusalOf(t, next); got.Code != "temporarily_unavailable" || got.RetryAfter <= 0 || !strings.Contains(got.Description, "connect again") {
			t.Errorf("%s: %v", feed.Name, got)
		}
	}
}

// What was taken from a client meanwhile ends its streams before another entry leaves.
func TestAStreamEndsWithThePowerToOpenIt(t *testing.T) {
	for i := range 4 {
		for name, take := range map[string]struct {
			away func(browser)
			code string
		}{
			"the permission": {func(b browser) {
				b.Apply(strings.Replace(servertest.ReadFile(t, "../test/scenarios/policies/platform.yaml"), "audit.read", "policy.read", 1))
			}, "access_denied"},
			"the client": {func(b browser) {
				_, err := whittlev1.NewRevocationServiceClient(b.Conn).Revoke(b.As(context.Background(), b.Client("bootstrap")), &whittlev1.RevokeRequest{
					Selector: &whittlev1.Selector{By: &whittlev1.Selector_Client{Client: "ops-console"}}, Block: true,
				})
				if err != nil {
					t.Fatal(err)
				}
			}, "invalid_client"},
		} {
			b := platform(t, nil)
			feed := b.Feeds()[i]
			next := feed.Follow(context.Background(), b.Client("ops-console"), &whittlev1.FollowEntriesRequest{})
			if _, err := next(); err != nil {
				t.Fatal(err)
			}
			take.away(b)
			entry := func() (got *whittlev1.FollowEntriesResponse, err error) { // past what only says how far the log was read
				for err == nil && got.GetEntry() == nil {
					got, err = next()
				}
				return got, err
			}
			got, err := entry() // that of the taking itself may still leave: it was written before it was answered
			if err == nil {
				b.revoke(strings.Repeat("A", 22))
				got, err = entry()
			}
			if err == nil {
				t.Errorf("%s, %s: %v left", feed.Name, name, got)
			}
			if servertest.CodeOf(err) != take.code {
				t.Errorf("%s, %s: %v", feed.Name, name, err)
			}
		}
	}
}

func TestStreamsAreGuardedLikeRequests(t *testing.T) {
	b := platform(t, nil)
	for _, feed := range b.Feeds() {
		for name, c := range map[string]struct {
			client servertest.Client
			code   string
			record bool
		}{
			"a stranger":             {servertest.Client{ID: "ops-console", Secret: "wrong"}, "invalid_client", false},
			"without the permission": {b.Client("research-agent"), "access_denied", true},
			"the one who may":        {b.Client("ops-console"), "", false},
		} {
			ctx, cancel := context.WithCancel(context.Background())
			next := feed.Follow(ctx, c.client, &whittlev1.FollowEntriesRequest{})
			if c.code == "" {
				if _, err := next(); err != nil {
					t.Errorf("%s, %s: %v", feed.Name, name, err)
				}
			} else if got := refusalOf(t, next); got.Code != c.code || (got.Decision != "") != c.record {
				t.Errorf("%s, %s: %+v", feed.Name, name, got)
			}
			cancel()
		}
		malformed := &whittlev1.FollowEntriesRequest{Filter: &whittlev1.EntryFilter{Client: strings.Repeat("hunter2", 20)}}
		got := refusalOf(t, feed.Follow(context.Background(), b.Client("ops-console"), malformed))
		if got.Code != "invalid_request" || got.Decision == "" || strings.Contains(got.Description, "hunter2") {
			t.Errorf("%s, malformed: %+v", feed.Name, got)
		}
	}
}

func TestAClientHasOnlySoManyStreams(t *testing.T) {
	b := platform(t, nil)
	feeds := b.Feeds()
	var first context.CancelFunc
	open := 0
	for i := 0; ; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		next := feeds[i%len(feeds)].Follow(ctx, b.Client("ops-console"), &whittlev1.FollowEntriesRequest{})
		if _, err := next(); err != nil {
			if got := refusalOf(t, next); got.Code != "slow_down" || got.RetryAfter <= 0 {
				t.Fatal(err)
			}
			break
		}
		if open++; open > 100 {
			t.Fatal("no limit")
		}
		if first == nil {
			first = cancel
		}
	}
	other := feeds[0].Follow(context.Background(), b.Client("bootstrap"), &whittlev1.FollowEntriesRequest{})
	if _, err := other(); err != nil {
		t.Errorf("another client: %v", err)
	}
	first()
	eventually(t, "a stream that ended makes room", func() bool {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		_, err := feeds[0].Follow(ctx, b.Client("ops-console"), &whittlev1.FollowEntriesRequest{})()
		return err == nil
	})
}

// eventually waits for a condition that others bring about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestWhatIsFollowedIsFiltered(t *testing.T) {
	b := platform(t, nil)
	for _, feed := range b.Feeds() {
		ctx, cancel := context.WithCancel(context.Background())
		next := feed.Follow(ctx, b.Client("ops-console"), &whittlev1.FollowEntriesRequest{
			From: proto.Uint64(0), Filter: &whittlev1.EntryFilter{Kind: "revocation", Task: strings.Repeat("B", 21) + "A"},
		})
		first, err := next()
		if err != nil || first.GetEntry() != nil && feed.Name == "grpc" {
			t.Fatalf("%s: %v, %v", feed.Name, first, err)
		}
		b.revoke(strings.Repeat("A", 22))
		b.revoke(strings.Repeat("B", 21) + "A")
		if got := entryOf(t, next); !strings.Contains(string(got.GetEntry().GetSealed()), "BBBA") {
			t.Errorf("%s: %v", feed.Name, got)
		}
		cancel()
	}
}
