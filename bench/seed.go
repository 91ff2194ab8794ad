package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
	"github.com/whittle-sts/whittle/store/sealed"
)

// What would take hours through the service, at the pace that one client has, is written into the state of a server
// that is stopped.

func seedID(i int) token.ID {
	return token.ID{'s', 'e', 'e', 'd', byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
}

// seedRevocations writes n live revocations of single tokens.
func seedRevocations(ctx context.Context, folder string, n int) error {
	now := time.Now()
	return seedRows(ctx, folder, n, func(tx store.Tx, i int) error {
		selector := live.OfToken(seedID(i))
		_, err := tx.AppendRevocation(store.Revocation{
			Kind: string(selector.Kind), Selector: selector.Value, At: now, Expires: now.Add(24 * time.Hour),
		})
		return err
	})
}

// seedOpaque writes n live opaque tokens, whose rows nobody can open, in the order of their keys: commits of thousands of
// random keys would leave as many free pages behind as the tree has, which the small commits of exchanges don't.
func seedOpaque(ctx context.Context, folder string, n int) error {
	expires := time.Now().Add(24 * time.Hour)
	hashes := make([][32]byte, n)
	for i := range hashes {
		rand.Read(hashes[i][:])
	}
	slices.SortFunc(hashes, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	return seedRows(ctx, folder, n, func(tx store.Tx, i int) error {
		return tx.PutOpaque(store.Opaque{Hash: hashes[i], Claims: make([]byte, 600), Expires: expires})
	})
}

func seedRows(ctx context.Context, folder string, n int, put func(tx store.Tx, i int) error) error {
	s, err := bolt.Open(bolt.Config{Path: filepath.Join(folder, "db", "whittle.db")})
	if err != nil {
		return err
	}
	const each = 10_000
	for from := 0; from < n && err == nil; from += each {
		var outcomes []error
		outcomes, err = s.Update(ctx, func(tx store.Tx) error {
			for i := from; i < min(from+each, n); i++ {
				if err := put(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		err = errors.Join(append(outcomes, err)...)
	}
	return errors.Join(err, s.Close())
}

// seedEntries appends n entries as exchanges make them, through the log itself: prepared, sealed, sequenced, and
// durable in shared commits.
func seedEntries(ctx context.Context, folder string, n int) error {
	place, err := server.Config{DataDir: folder}.Place()
	if err != nil {
		return err
	}
	kek, err := place.KEK.Load(ctx)
	if err != nil {
		return err
	}
	db, err := bolt.Open(bolt.Config{Path: place.Database()})
	if err != nil {
		return err
	}
	open, err := sealed.Open(ctx, db, kek, rand.Reader)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	log, err := audit.Open(audit.Config{Store: open, Now: time.Now, Random: rand.Reader, Issuer: "http://127.0.0.1"})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	const callers = 256
	errs := make([]error, callers)
	var next atomic.Int64
	var group sync.WaitGroup
	for k := range callers {
		group.Go(func() {
			for errs[k] == nil && next.Add(1) <= int64(n) {
				errs[k] = seedEntry(ctx, log)
			}
		})
	}
	group.Wait()
	log.Close()
	return errors.Join(append(errs, db.Close())...)
}

func seedEntry(ctx context.Context, log *audit.Log) error {
	now := time.Now()
	decision, err := audit.NewDecision(now, rand.Reader)
	if err != nil {
		return err
	}
	id, err := token.NewID(rand.Reader)
	if err != nil {
		return err
	}
	entry, err := log.Prepare(audit.Event{
		Kind: audit.KindExchange, Outcome: audit.OutcomeGranted, Decision: decision, Client: agent, Wire: "grpc", From: "127.0.0.1",
		Policy: 1, Rule: "research agents work for people at corp",
		Asked:        &audit.Asked{Resource: []string{dataAPI}, Scope: scopes(), SubjectTokenType: "urn:ietf:params:oauth:token-type:access_token"},
		SubjectToken: &audit.Token{ID: id.String(), Client: agent, Expires: now.Add(time.Hour)},
		People: []audit.Person{{Role: audit.RoleSubject, Personal: audit.Personal{
			Issuer: "corp", Subject: "00u1ana", Groups: []string{"research"}, Attributes: map[string]any{"mfa": true}, Bindings: []string{"researchers with MFA"},
		}}},
		Granted: &audit.Granted{
			Token: id.String(), Task: id.String(), Form: "jwt", Audience: []string{dataAPI}, Scope: scopes(), Expires: now.Add(time.Hour), Depth: 2,
			Lineage: []string{id.String(), id.String()}, Reach: []audit.Reach{{Resource: dataAPI, Scope: scopes()}},
		},
	})
	if err != nil {
		return err
	}
	_, err = log.Do(ctx, func(store.Tx) (audit.Entry, error) { return entry, nil })
	return err
}

// withClients is the policy with n clients in all, each with a rule of its own.
func withClients(n int) string {
	var clients, rules strings.Builder
	for i := range max(0, n-5) { // beside the five that it has
		fmt.Fprintf(&clients, "  agent-%05d: { auth: client_secret, ceiling: [\"ai.training.*\"] }\n", i)
		fmt.Fprintf(&rules, "  - { name: \"agent %05d\", clients: [agent-%05d], subject: { issuer: corp }, resources: [%s], max_lifetime: 1h }\n", i, i, dataAPI)
	}
	return strings.NewReplacer("${clients}", clients.String(), "${rules}", rules.String()).Replace(policy)
}

// withScopes is the policy with n scopes more, all of which the role and the ceiling give.
func withScopes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  ai.training.more.s%04d: { description: One more }\n", i)
	}
	return strings.Replace(policy, "${many}", b.String()+"${many}", 1)
}

// withRules is the policy with n rules in all, the new ones before the one that matches and for the same client: each is
// looked at, since the first that matches decides.
func withRules(n int) string {
	var b strings.Builder
	for i := range max(0, n-3) { // beside the three that it has
		fmt.Fprintf(&b, "  - { name: \"ana's rule %05d\", clients: [%s], subject: { issuer: corp, subject: person-%05d }, resources: [%s], max_lifetime: 1h }\n", i, agent, i, dataAPI)
	}
	return strings.Replace(policy, "${rules}", b.String(), 1)
}
