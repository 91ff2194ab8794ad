package server_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/durationpb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server/servertest"
)

// What a later version may have added as a restriction isn't dropped, wherever in the message it stands.
func TestAFieldThatIsNotKnownIsRefused(t *testing.T) {
	b := platform(t, nil)
	later := protowire.AppendString(protowire.AppendTag(nil, 99, protowire.BytesType), "hunter2")
	for name, add := range map[string]func(*whittlev1.ExchangeRequest){
		"in the request":         func(m *whittlev1.ExchangeRequest) { m.ProtoReflect().SetUnknown(later) },
		"in a message within it": func(m *whittlev1.ExchangeRequest) { m.GetLifetime().ProtoReflect().SetUnknown(later) },
	} {
		for _, wire := range []servertest.Wire{b.GRPC(), b.Connect("connect"), b.Connect("grpcweb", connecthttp.WithGRPCWeb())} {
			m := &whittlev1.ExchangeRequest{
				SubjectToken: b.exchangeForm().Get("subject_token"), SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT,
				Scope: []string{"ai.training.read"}, Lifetime: durationpb.New(time.Minute),
			}
			if _, err := wire.Exchange(context.Background(), b.Client("research-agent"), m); err != nil {
				t.Errorf("%s, without it: %v", wire.Name(), err)
			}
			add(m)
			_, err := wire.Exchange(context.Background(), b.Client("research-agent"), m)
			refusal, _ := errors.AsType[*servertest.Refusal](err)
			if refusal == nil || refusal.Code != "invalid_request" || refusal.Decision == "" ||
				refusal.Description != "the request holds a field that this version doesn't know" {
				t.Errorf("%s, %s: %v", wire.Name(), name, err)
			}
		}
	}
	use := &whittlev1.TokenUse{}
	use.ProtoReflect().SetUnknown(later)
	_, err := whittlev1.NewIntrospectionServiceClient(b.Conn).BatchIntrospect(b.As(context.Background(), b.Client("data-gateway")),
		&whittlev1.BatchIntrospectRequest{Tokens: []string{"x"}, Uses: []*whittlev1.TokenUse{use}})
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "doesn't know") {
		t.Errorf("in a list: %v", err)
	}
	auth := []string{"Authorization", b.basic("data-gateway")}
	for _, body := range []string{`{"token":"x","hunter2":"hunter2"}`, `{"token":"x","hunter2":null}`, `{"token":"x","Token":"hunter2"}`} {
		got := b.send("POST", looks, body, append(auth, "Content-Type", "application/json")...)
		if got.status != 400 || !strings.Contains(got.body, "invalid_argument") || strings.Contains(got.body, "hunter2") {
			t.Errorf("Connect, %s: %d %s", body, got.status, got.body)
		}
		frame := string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body)))) + body
		got = b.send("POST", looks, frame, append(auth, "Content-Type", "application/grpc-web+json")...)
		if sent := got.body + fmt.Sprint(got.header); !strings.Contains(strings.ReplaceAll(strings.ToLower(sent), " ", ""), "grpc-status:3") &&
			got.header.Get("Grpc-Status") != "3" || strings.Contains(sent, "hunter2") {
			t.Errorf("gRPC-Web, %s: %d %q %v", body, got.status, got.body, got.header)
		}
	}
}
