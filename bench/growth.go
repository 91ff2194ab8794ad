package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
)

// Grown is what a server costs with so many live revocations.
type Grown struct {
	Revocations int
	Start       time.Duration // from opening the store to serving
	Heap        int64         // bytes that are live after the start, the ballast included
	Introspect  float64       // µs of CPU
	Exchange    float64
	Echo        float64 // of introspection, in the same minute
}

// growth measures a server that starts with 0 and with more live revocations. They are written to the
// store directly: making them through the service would take hours at the pace that one client has.
func (b *bench) growth(ctx context.Context, counts []int) error {
	for _, n := range counts {
		g, err := b.grown(ctx, n)
		if err != nil {
			return fmt.Errorf("%d revocations: %w", n, err)
		}
		b.results.Grown = append(b.results.Grown, g)
		fmt.Fprintf(b.results.progress, "     %d revocations: started in %v, %d MiB live, introspection %.1f µs, exchange %.1f µs, echo %.1f µs\n",
			n, g.Start, g.Heap>>20, g.Introspect, g.Exchange, g.Echo)
	}
	return nil
}

func (b *bench) grown(ctx context.Context, n int) (g Grown, err error) {
	folder, err := os.MkdirTemp("", "whittle-bench-")
	if err != nil {
		return g, err
	}
	defer os.RemoveAll(folder)
	first, err := startChild(Setup{Kind: "whittle", Folder: folder})
	if err != nil {
		return g, err
	}
	w, err := newWorld(ctx, first)
	if err != nil {
		first.stop()
		return g, err
	}
	if err := first.stop(); err != nil {
		return g, err
	}
	if err := seed(ctx, filepath.Join(folder, "db", "whittle.db"), n); err != nil {
		return g, err
	}
	server, err := startChild(Setup{Kind: "whittle", Folder: folder})
	if err != nil {
		return g, err
	}
	defer server.stop()
	g = Grown{Revocations: n, Start: server.Took}
	if w, err = w.at(server); err != nil {
		return g, err
	}
	if g.Heap, err = server.live(); err != nil {
		return g, err
	}
	return g, b.costs(ctx, w, server, &g)
}

// costs measures two rows and their floors several times, and keeps the cheapest of each.
func (b *bench) costs(ctx context.Context, w *world, server *child, g *Grown) error {
	part := &bench{warm: b.warm, window: b.window, world: w, whittle: server, floors: b.floors, only: regexp.MustCompile("^(" + introspectGRPC + "|" + exchangeSeen + ")$")}
	part.results.progress = b.results.progress
	rows, err := plan(ctx, w)
	if err != nil {
		return err
	}
	for range max(3, b.rounds) {
		if err := part.measureAll(rows, 32); err != nil {
			return err
		}
	}
	g.Introspect, g.Exchange = part.results.find(introspectGRPC, 32).CPU, part.results.find(exchangeSeen, 32).CPU
	g.Echo = part.results.find("echo of introspection, gRPC", 32).CPU
	return nil
}

// seed writes n live revocations of single tokens.
func seed(ctx context.Context, path string, n int) error {
	s, err := bolt.Open(bolt.Config{Path: path})
	if err != nil {
		return err
	}
	defer s.Close()
	const each = 10_000
	now := time.Now()
	for from := 0; from < n; from += each {
		outcomes, err := s.Update(ctx, func(tx store.Tx) error {
			for i := from; i < min(from+each, n); i++ {
				id := token.ID{'s', 'e', 'e', 'd', byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
				selector := live.OfToken(id)
				if _, err := tx.AppendRevocation(store.Revocation{
					Kind: string(selector.Kind), Selector: selector.Value, At: now, Expires: now.Add(24 * time.Hour),
				}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if outcomes[0] != nil {
			return outcomes[0]
		}
	}
	return nil
}
