package server_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server/servertest"
)

// held is all that an export sends over one wire.
func held(next func() (*whittlev1.ExportPersonResponse, error)) (items []*whittlev1.ExportPersonResponse, err error) {
	for {
		item, err := next()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
}

// entriesIn is the entries that an export has.
func entriesIn(items []*whittlev1.ExportPersonResponse) (entries []*whittlev1.PersonEntry) {
	for _, item := range items {
		if item.GetEntry() != nil {
			entries = append(entries, item.GetEntry())
		}
	}
	return entries
}

func TestAPersonIsHandedOutAndErasedOnEveryWire(t *testing.T) {
	w := servertest.Start(t, servertest.Options{Policy: servertest.ReadFile(t, "../test/scenarios/policies/platform.yaml")})
	ctx, desk := context.Background(), w.Client("privacy-desk")
	for _, wire := range w.Privacy() {
		t.Run(wire.Name, func(t *testing.T) {
			story := "ana-" + wire.Name
			_, err := whittlev1.NewRevocationServiceClient(w.Conn).Revoke(w.As(ctx, w.Client("bootstrap")), &whittlev1.RevokeRequest{
				Selector: &whittlev1.Selector{By: &whittlev1.Selector_Subject{Subject: "corp:" + story}}, Reason: "so says " + story,
			})
			if err != nil {
				t.Fatal(err)
			}
			items, err := held(wire.Export(ctx, desk, &whittlev1.ExportPersonRequest{Subject: "corp:" + story}))
			if err != nil || items[0].GetPerson().GetKey() == "" {
				t.Fatalf("%v, %v", items, err)
			}
			entries := entriesIn(items)
			if len(entries) != 2 { // the revocation, and that this was asked for
				t.Fatalf("%d entries", len(entries))
			}
			about := entries[0].GetAbout()[0]
			if about.GetIssuer() != "corp" || about.GetSubject() != story || about.GetReason() != "so says "+story || about.GetRole() != "selector" {
				t.Errorf("it says %v", about)
			}
			if strings.Contains(string(entries[0].GetEntry().GetSealed()), story) || len(entries[0].GetEntry().GetPeople()) > 0 {
				t.Error("the entry itself names her")
			}
			for name, client := range map[string]servertest.Client{"ops-console": w.Client("ops-console"), "bootstrap": w.Client("bootstrap"), "research-agent": w.Client("research-agent")} {
				if _, err := held(wire.Export(ctx, client, &whittlev1.ExportPersonRequest{Subject: "corp:" + story})); servertest.CodeOf(err) != "access_denied" {
					t.Errorf("%s is handed out: %v", name, err)
				}
				if _, err := wire.Erase(ctx, client, &whittlev1.ErasePersonRequest{Subject: "corp:" + story}); servertest.CodeOf(err) != "access_denied" {
					t.Errorf("%s erases: %v", name, err)
				}
			}
			done, err := wire.Erase(ctx, desk, &whittlev1.ErasePersonRequest{Subject: "corp:" + story})
			if err != nil || done.GetKey() != items[0].GetPerson().GetKey() || len(done.GetRevocations()) != 1 || done.GetTraces() {
				t.Errorf("%v, %v", done, err)
			}
			items, err = held(wire.Export(ctx, desk, &whittlev1.ExportPersonRequest{Subject: "corp:" + story}))
			if err != nil || len(entriesIn(items)) > 0 || items[0].GetPerson().GetKey() != "" {
				t.Errorf("after it: %v, %v", items, err)
			}
			if _, err := wire.Erase(ctx, desk, &whittlev1.ErasePersonRequest{Subject: "corp:" + story}); servertest.CodeOf(err) != "not_found" {
				t.Errorf("once more: %v", err)
			}
		})
	}
}
