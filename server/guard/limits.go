package guard

import (
	"container/list"
	"errors"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/fault"
)

// class is methods that share a rate.
type class uint8

const (
	look      class = iota // reads of memory
	mint                   // what signs or waits for the disk
	manage                 // what people do
	strangers              // failed authentications of one network
)

// limited names what has a rate, as the settings do.
var limited = [...]string{look: "look", mint: "mint", manage: "manage", strangers: "strangers"}

// Rate is a token bucket: so many a second, and so many at once.
type Rate struct{ PerSecond, Burst int }

// Rates keep one client from taking the whole server.
type Rates struct {
	Look, Mint, Manage Rate // of one client: reads of memory, what signs or waits for the disk, what people do
	Strangers          Rate // failed authentications of one network
}

// StandardRates are far above what a healthy client does.
func StandardRates() Rates {
	return Rates{Look: Rate{200_000, 200_000}, Mint: Rate{20_000, 20_000}, Manage: Rate{50, 200}, Strangers: Rate{5, 50}}
}

func (r Rates) of(c class) Rate {
	return [...]Rate{look: r.Look, mint: r.Mint, manage: r.Manage, strangers: r.Strangers}[c]
}

const (
	maxClients   = 1 << 14 // buckets kept for clients: what the policy can hold, and more
	maxStrangers = 1 << 13 // buckets kept for networks
)

type clientClass struct {
	client string
	class  class
}

// network is an IPv4 address or an IPv6 /64, which is what one stranger has.
type network struct{ prefix netip.Prefix }

// pace takes one from the client's bucket.
func (g *Guard) pace(client string, c class, now time.Time) error {
	if g.clients.allow(clientClass{client, c}, g.config.Rates.of(c), now) {
		return nil
	}
	g.metrics.slowed[c].Inc()
	return slowDown("the client sends too many requests")
}

// stranger is the answer to a request that failed before its client was known. Only failures are
// limited, by where they come from: a client that proves itself is never locked out by others.
func (g *Guard) stranger(remote netip.AddrPort, err error) error {
	if errors.Is(err, fault.ErrTooLarge) || g.strangers.allow(networkOf(remote), g.config.Rates.of(strangers), g.config.Now()) {
		return err
	}
	g.metrics.slowed[strangers].Inc()
	return slowDown("too many failed requests from this network")
}

func slowDown(description string) error {
	refusal := engine.Refuse(engine.SlowDown, "rate", description)
	refusal.RetryAfter = time.Second
	return refusal
}

func networkOf(remote netip.AddrPort) network {
	if !remote.IsValid() {
		return network{} // all that have no address share a bucket
	}
	addr, bits := remote.Addr().Unmap(), 64
	if addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.WithZone("").Prefix(bits)
	return network{prefix}
}

// buckets is a bounded number of token buckets; the one that was used longest ago makes room. Its
// owner then starts with a full one, so a small table forgives more and never refuses more.
type buckets[K comparable] struct {
	most  int
	mu    sync.Mutex
	byKey map[K]*list.Element // of *bucket[K]
	order *list.List          // the last used first
}

type bucket[K comparable] struct {
	key     K
	limiter *rate.Limiter
}

func newBuckets[K comparable](most int) *buckets[K] {
	return &buckets[K]{most: most, byKey: make(map[K]*list.Element), order: list.New()}
}

func (b *buckets[K]) allow(key K, l Rate, now time.Time) bool {
	return b.get(key, l).AllowN(now, 1)
}

func (b *buckets[K]) get(key K, l Rate) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.byKey[key]; ok {
		b.order.MoveToFront(e)
		return e.Value.(*bucket[K]).limiter
	}
	if b.order.Len() >= b.most {
		oldest := b.order.Remove(b.order.Back()).(*bucket[K])
		delete(b.byKey, oldest.key)
	}
	made := &bucket[K]{key, rate.NewLimiter(rate.Limit(l.PerSecond), l.Burst)}
	b.byKey[key] = b.order.PushFront(made)
	return made.limiter
}
