package server_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server/servertest"
)

// everyWire tells the story over each wire that has all services, in a world of its own.
func everyWire(t *testing.T, story func(t *testing.T, b browser, do func(method string, in, out proto.Message) error)) {
	t.Helper()
	for i := range 4 {
		b := platform(t, nil)
		call := b.Calls()[i]
		t.Run(call.Wire, func(t *testing.T) {
			story(t, b, func(method string, in, out proto.Message) error {
				return call.Do(b.Client("bootstrap"), "/whittle.v1."+method, in, out)
			})
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSecretsOverEveryWire(t *testing.T) {
	everyWire(t, func(t *testing.T, b browser, do func(string, proto.Message, proto.Message) error) {
		good := func(secret string) bool {
			_, err := b.GRPC().Introspect(t.Context(), servertest.Client{ID: "data-gateway", Secret: secret}, &whittlev1.IntrospectRequest{Token: "x"})
			return err == nil
		}
		var rotated whittlev1.RotateSecretResponse
		must(t, do("ClientService/RotateSecret", &whittlev1.RotateSecretRequest{Client: "data-gateway", Overlap: durationpb.New(time.Hour)}, &rotated))
		old := b.Client("data-gateway").Secret
		if !good(old) || !good(rotated.GetSecret()) || len(rotated.GetEarlier()) != 1 || rotated.GetEarlier()[0].GetExpires() == nil {
			t.Errorf("rotated: %v", rotated.GetEarlier())
		}
		var off whittlev1.DisableSecretResponse
		must(t, do("ClientService/DisableSecret", &whittlev1.DisableSecretRequest{Client: "data-gateway", Id: rotated.GetId()}, &off))
		if good(rotated.GetSecret()) || !good(old) {
			t.Errorf("disabled: %v", off.GetSecrets())
		}
		must(t, do("ClientService/EnableSecret", &whittlev1.EnableSecretRequest{Client: "data-gateway", Id: rotated.GetId()}, &whittlev1.EnableSecretResponse{}))
		if !good(rotated.GetSecret()) {
			t.Error("not enabled")
		}
		must(t, do("ClientService/DeleteSecret", &whittlev1.DeleteSecretRequest{Client: "data-gateway", Id: rotated.GetEarlier()[0].GetId()}, &whittlev1.DeleteSecretResponse{}))
		if good(old) {
			t.Error("not deleted")
		}
		var list whittlev1.ListClientsResponse
		must(t, do("ClientService/ListClients", &whittlev1.ListClientsRequest{Client: "data-gateway"}, &list))
		if c := list.GetClients()[0]; len(c.GetSecrets()) != 1 || c.GetSecrets()[0].GetLastUsed() == nil || len(c.GetServes()) != 1 {
			t.Errorf("listed: %v", list.GetClients())
		}
	})
}

func TestKeysOverEveryWire(t *testing.T) {
	everyWire(t, func(t *testing.T, b browser, do func(string, proto.Message, proto.Message) error) {
		var rotated whittlev1.RotateKeyResponse
		must(t, do("KeyService/RotateKey", &whittlev1.RotateKeyRequest{}, &rotated))
		var list whittlev1.ListKeysResponse
		must(t, do("KeyService/ListKeys", &whittlev1.ListKeysRequest{}, &list))
		if len(list.GetKeys()) != 2 || rotated.GetKey().GetState() != whittlev1.KeyState_KEY_STATE_PUBLISHED {
			t.Fatalf("%v", list.GetKeys())
		}
		first := list.GetKeys()[1].GetId()
		var retired whittlev1.RetireKeyResponse
		must(t, do("KeyService/RetireKey", &whittlev1.RetireKeyRequest{Id: first}, &retired))
		var revoked whittlev1.RevokeKeyResponse
		must(t, do("KeyService/RevokeKey", &whittlev1.RevokeKeyRequest{Id: first, Reason: "drill"}, &revoked))
		if keys := revoked.GetKeys(); keys[0].GetState() != whittlev1.KeyState_KEY_STATE_SIGNING || keys[1].GetState() != whittlev1.KeyState_KEY_STATE_REVOKED {
			t.Errorf("%v", keys)
		}
		err := do("KeyService/RetireKey", &whittlev1.RetireKeyRequest{Id: "no-such-key"}, &whittlev1.RetireKeyResponse{})
		if servertest.CodeOf(err) != "not_found" {
			t.Errorf("an unknown key: %v", err)
		}
	})
}

func TestThePolicysHistoryOverEveryWire(t *testing.T) {
	everyWire(t, func(t *testing.T, b browser, do func(string, proto.Message, proto.Message) error) {
		var now whittlev1.GetPolicyResponse
		must(t, do("PolicyService/GetPolicy", &whittlev1.GetPolicyRequest{}, &now))
		b.Apply(strings.ReplaceAll(now.GetYaml(), "summarizer", "digester"))
		var diff whittlev1.DiffPolicyResponse
		must(t, do("PolicyService/DiffPolicy", &whittlev1.DiffPolicyRequest{From: 1}, &diff))
		if len(diff.GetDifferences()) < 2 || !strings.Contains(diff.GetUnified(), "digester") {
			t.Errorf("%v", &diff)
		}
		var back whittlev1.RollbackPolicyResponse
		must(t, do("PolicyService/RollbackPolicy", &whittlev1.RollbackPolicyRequest{Version: 1, ExpectedVersion: 2}, &back))
		var versions []uint64
		for page := ""; ; {
			var list whittlev1.ListPoliciesResponse
			must(t, do("PolicyService/ListPolicies", &whittlev1.ListPoliciesRequest{PageSize: 2, PageToken: page}, &list))
			for _, v := range list.GetVersions() {
				versions = append(versions, v.GetVersion())
			}
			if page = list.GetNextPageToken(); page == "" {
				break
			}
		}
		if back.GetVersion() != 3 || !slices.Equal(versions, []uint64{3, 2, 1}) {
			t.Errorf("version %d of %v", back.GetVersion(), versions)
		}
	})
}

func TestTheLogIsSearchedOverEveryWire(t *testing.T) {
	everyWire(t, func(t *testing.T, b browser, do func(string, proto.Message, proto.Message) error) {
		if got := b.send("POST", "/oauth2/token", b.exchangeForm().Encode(), "Authorization", b.basic("research-agent")); got.status != 200 {
			t.Fatal(got.body)
		}
		var all []uint64
		request := &whittlev1.ListEntriesRequest{PageSize: 1, NewestFirst: true, Filter: &whittlev1.EntryFilter{Subject: "corp:rita"}}
		for {
			var list whittlev1.ListEntriesResponse
			must(t, do("AuditService/ListEntries", request, &list))
			for _, e := range list.GetEntries() {
				all = append(all, e.GetIndex())
			}
			if request.PageToken = list.GetNextPageToken(); request.GetPageToken() == "" {
				break
			}
		}
		if len(all) != 1 {
			t.Fatalf("found %v", all)
		}
		var one whittlev1.GetEntryResponse
		must(t, do("AuditService/GetEntry", &whittlev1.GetEntryRequest{Index: all[0]}, &one))
		if one.GetEntry().GetPeople()[0].GetSubject() != "rita" {
			t.Errorf("%v", &one)
		}
		err := do("AuditService/GetEntry", &whittlev1.GetEntryRequest{Index: 1 << 40}, &one)
		if servertest.CodeOf(err) != "not_found" {
			t.Errorf("no such entry: %v", err)
		}
		err = do("AuditService/ListEntries", &whittlev1.ListEntriesRequest{PageToken: "AQAB"}, &whittlev1.ListEntriesResponse{})
		if servertest.CodeOf(err) != "invalid_request" {
			t.Errorf("a page of nothing: %v", err)
		}
	})
}
