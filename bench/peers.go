package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// PeerResult is one row of a peer's at one number in flight.
type PeerResult struct {
	Peer, Beside, Name string
	InFlight           int
	Ours               float64 // CPU of the same kind of request here, in the same run
	Times              float64 // how many times as much the peer's costs
	Measured
}

func peers() []peer {
	return []peer{
		{name: zitadelJWT, beside: zitadelBeside, start: startZitadel(true)},
		{name: zitadelOpaque, beside: zitadelBeside, start: startZitadel(false)},
		{name: oidcProvider, beside: "its adapter in memory, which keeps the newest thousand or so; nothing durable, no record; no exchange; one JavaScript thread", slow: true, start: startOIDCProvider},
		{name: hydra, beside: "no exchange; durable in PostgreSQL, whose CPU is counted; introspection without credentials; most of its client credentials is PBKDF2, since clients choose their secrets", slow: true, start: startHydra},
	}
}

const (
	zitadelJWT    = "zitadel/oidc, JWTs"
	zitadelOpaque = "zitadel/oidc, opaque tokens"
	oidcProvider  = "oidc-provider"
	hydra         = "Ory Hydra"

	zitadelBeside = "its example server: maps in memory, nothing durable, no record, no policy"
)

// measurePeers measures all that can be had on this machine, one after the other, and says what can't.
func (b *bench) measurePeers(ctx context.Context) error {
	for _, p := range b.peers {
		if p.slow && b.quick {
			b.results.NoPeers = append(b.results.NoPeers, p.name+": not in a quick run")
			continue
		}
		err := b.measurePeer(ctx, &p)
		var missing missingError
		if errors.As(err, &missing) {
			b.results.NoPeers = append(b.results.NoPeers, p.name+": "+missing.why)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func (b *bench) measurePeer(ctx context.Context, p *peer) (err error) {
	folder, err := os.MkdirTemp("", "whittle-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	r, err := p.start(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	for _, v := range r.versions {
		if !slices.Contains(b.results.Versions, v) {
			b.results.Versions = append(b.results.Versions, v)
		}
	}
	rows, err := r.rows(ctx)
	if err != nil {
		return err
	}
	// Row by row: what comes first is introspection, whose tokens a peer may forget when it issues more.
	for _, row := range rows {
		for i := range 2 * min(b.rounds, 2) {
			inFlight := []int{32, 256}[i%2]
			if err := ctx.Err(); err != nil {
				return err
			}
			m, err := b.peerLoad(&row, inFlight, r)
			if err != nil {
				return fmt.Errorf("%s, %d in flight: %w", row.name, inFlight, err)
			}
			b.results.addPeer(p, &row, inFlight, m)
		}
	}
	return nil
}

func (b *bench) peerLoad(row *peerRow, inFlight int, server metered) (Measured, error) {
	to, err := url.Parse(row.url)
	if err != nil {
		return Measured{}, err
	}
	h := &httpWire{to.Host, to.Path, formType, row.authorization}
	l := &load{wire: h, bearers: anyBearers, alive: true, inFlight: inFlight, warm: b.warm, window: b.window}
	for _, body := range row.bodies {
		l.requests = append(l.requests, h.request(body))
	}
	return l.run(server, "")
}

// addPeer keeps a row, or the cheaper of two measurements of it, which is for the peer.
func (r *Results) addPeer(p *peer, row *peerRow, inFlight int, m Measured) {
	fmt.Fprintf(r.progress, "%3d  %-46s %7.1f µs  %6.0f/s\n", inFlight, p.name+": "+row.name, m.CPU, m.Rate)
	result := PeerResult{Peer: p.name, Beside: p.beside, Name: row.name, InFlight: inFlight, Measured: m}
	if ours := r.find(row.ours, inFlight); ours != nil {
		result.Ours = ours.CPU
	}
	switch before := r.findPeer(p.name, row.name, inFlight); {
	case before == nil:
		r.Peers = append(r.Peers, result)
	case m.CPU < before.CPU:
		*before = result
	}
}

func (r *Results) findPeer(peer, name string, inFlight int) *PeerResult {
	for i := range r.Peers {
		if p := &r.Peers[i]; p.Peer == peer && p.Name == name && p.InFlight == inFlight {
			return p
		}
	}
	return nil
}

// judgePeers works out how much more the peers' requests cost.
func (r *Results) judgePeers() {
	for i := range r.Peers {
		if p := &r.Peers[i]; p.Ours > 0 {
			p.Times = p.CPU / p.Ours
		}
	}
	for _, inFlight := range []int{32, 256} {
		for _, t := range []struct {
			target, peer, name string
			limit              float64
		}{
			{"jwt-introspection-below-zitadel", zitadelJWT, "introspection", 5},
			{"opaque-introspection-below-zitadel", zitadelOpaque, "introspection", 2},
			{"opaque-introspection-below-oidc-provider", oidcProvider, "introspection", 5},
			{"opaque-introspection-below-hydra", hydra, "introspection", 20},
			{"exchange-below-zitadel", zitadelJWT, "exchange", 1.4},
		} {
			target := Target{Name: fmt.Sprintf("%s-times-%d", t.target, inFlight), Limit: t.limit, AtLeast: true}
			if p := r.findPeer(t.peer, t.name, inFlight); p != nil && p.Times > 0 {
				r.target(target, p.Times)
			} else {
				r.unmeasured(target)
			}
		}
	}
}

// peersText is the table of peers.
func (r *Results) peersText(b *strings.Builder) {
	if len(r.Peers)+len(r.NoPeers) == 0 {
		return
	}
	b.WriteString("\nPeers, over HTTP/1.1 with OAuth forms, each with tokens of the same kind as the row of Whittle's that it stands beside:\n\n")
	if len(r.Peers) > 0 {
		b.WriteString("| in flight | peer | request | **server CPU µs** | Whittle's µs | × Whittle's | requests/s | p50 ms | p99 ms | p99.9 ms | memory MiB | what stands beside it |\n")
		b.WriteString("|--:|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|:--|\n")
	}
	for _, p := range r.Peers {
		fmt.Fprintf(b, "| %d | %s | %s | **%.1f** | %.1f | %.1f | %.0f | %.2f | %.2f | %.2f | %d | %s |\n",
			p.InFlight, p.Peer, p.Name, p.CPU, p.Ours, p.Times, p.Rate, ms(p.P50), ms(p.P99), ms(p.P999), p.Memory>>20, p.Beside)
	}
	for _, why := range r.NoPeers {
		fmt.Fprintf(b, "\nNot measured: %s.\n", why)
	}
	b.WriteString("\n")
}
