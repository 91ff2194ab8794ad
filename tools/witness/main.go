// Command witness runs the witness of transparency-dev, which knows nothing of Whittle, for one log: what the
// tests of internal/witness hold our side of the protocol against. It is a module of its own, so that
// nothing of it enters Whittle's.
//
//	witness LOG-VERIFIER-KEY NAME
//
// It prints its URL and its verifier key, and serves until its standard input ends. A line of that is the verifier key that
// the log has from then on, which is answered with an empty one. It forgets all when it ends.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, logKey, name string) error {
	var known atomic.Pointer[note.Verifier] // the one key of the log, as the witness has it
	learn := func(key string) error {
		verifier, err := note.NewVerifier(key)
		if err == nil {
			known.Store(&verifier)
		}
		return err
	}
	if err := learn(logKey); err != nil {
		return err
	}
	secret, plain, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	signer, err := fnote.NewSignerForCosignatureV1(secret)
	if err != nil {
		return err
	}
	public, err := fnote.VKeyToCosignatureV1(plain)
	if err != nil {
		return err
	}
	w, err := witness.New(ctx, witness.Opts{
		Persistence: inmemory.New(),
		Signers:     []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			verifier := *known.Load()
			return verifier, origin == verifier.Name(), nil
		},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	fmt.Printf("http://%s\n%s\n", listener.Addr(), public)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := learn(lines.Text()); err != nil {
			return err
		}
		fmt.Println()
	}
	return lines.Err()
}
