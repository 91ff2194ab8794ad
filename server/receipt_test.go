package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/verify"
)

// A grant over OAuth and one over gRPC say which entries they are, if a receipt is asked for and only then; the receipts verify
// with nothing but the log's key, and are for the client that the entry names and for readers of the log.
func TestAReceiptOfEachWire(t *testing.T) {
	b := platform(t, nil)
	ctx, agent := context.Background(), b.Client("research-agent")
	proofs := whittlev1.NewProofServiceClient(b.Conn)
	key, err := proofs.GetCheckpoint(b.As(ctx, agent), &whittlev1.GetCheckpointRequest{})
	if err != nil {
		t.Fatal(err)
	}
	trust, err := checkpoint.NewTrust(key.GetVerifierKey(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}

	form := b.exchangeForm()
	headers := []string{"Authorization", b.basic("research-agent"), "Content-Type", "application/x-www-form-urlencoded"}
	if got := b.send("POST", "/oauth2/token", form.Encode(), headers...); got.status != http.StatusOK || got.member(t, "entry_index") != nil {
		t.Errorf("nobody asked: %d %s", got.status, got.body)
	}
	form.Set("receipt", "perhaps")
	if got := b.send("POST", "/oauth2/token", form.Encode(), headers...); got.status != http.StatusBadRequest {
		t.Errorf("receipt=perhaps: %d", got.status)
	}
	form.Set("receipt", "true")
	var overOAuth struct {
		Entry    *uint64 `json:"entry_index"`
		Decision string  `json:"decision"`
	}
	if err := json.Unmarshal([]byte(b.send("POST", "/oauth2/token", form.Encode(), headers...).body), &overOAuth); err != nil || overOAuth.Entry == nil {
		t.Fatalf("over OAuth it is entry %v, %v", overOAuth.Entry, err)
	}
	request := &whittlev1.ExchangeRequest{
		SubjectToken: form.Get("subject_token"), SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT, Scope: []string{"ai.training.read"},
	}
	tokens := whittlev1.NewTokenServiceClient(b.Conn)
	if out, err := tokens.Exchange(b.As(ctx, agent), request); err != nil || out.GetToken().EntryIndex != nil {
		t.Errorf("nobody asked: %v", err)
	}
	request.Receipt = true
	out, err := tokens.Exchange(b.As(ctx, agent), request)
	if err != nil || out.GetToken().EntryIndex == nil {
		t.Fatalf("over gRPC it is entry %v, %v", out.GetToken().GetEntryIndex(), err)
	}

	for wire, granted := range map[string]struct {
		entry    uint64
		decision string
	}{"OAuth": {*overOAuth.Entry, overOAuth.Decision}, "gRPC": {out.GetToken().GetEntryIndex(), out.GetToken().GetDecision()}} {
		ask := &whittlev1.GetReceiptRequest{Index: granted.entry}
		var receipt verify.Receipt
		eventually(t, "a checkpoint covers the grant", func() bool {
			res, err := proofs.GetReceipt(b.As(ctx, agent), ask)
			receipt = verify.Receipt{Entry: res.GetEntry(), Proof: res.GetProof()}
			return err == nil
		})
		index, event, _, err := receipt.Verify(trust)
		if err != nil || index != granted.entry || event.Decision != granted.decision || event.Client != "research-agent" {
			t.Errorf("%s: entry %d, %+v, %v", wire, index, event, err)
		}
		receipt.Entry = strings.Replace(receipt.Entry, "ai.training.read", "ai.training.rear", 1)
		if _, _, _, err := receipt.Verify(trust); err == nil {
			t.Errorf("%s: a changed entry verifies", wire)
		}
		if _, err := proofs.GetReceipt(b.As(ctx, b.Client("data-gateway")), ask); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s: another client has the receipt: %v", wire, err)
		}
	}
}
