package server_test

import (
	"context"
	"testing"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server/servertest"
)

func TestSmoke(t *testing.T) {
	w := servertest.Start(t, servertest.Options{})
	for _, wire := range w.Wires() {
		in, err := wire.Introspect(context.Background(), w.Client("bootstrap"), &whittlev1.IntrospectRequest{Token: "x"})
		t.Log(wire.Name(), in, err)
		in, err = wire.Introspect(context.Background(), w.Client("nobody"), &whittlev1.IntrospectRequest{Token: "x"})
		t.Log(wire.Name(), in, err)
	}
}
