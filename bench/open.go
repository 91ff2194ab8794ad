package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Paced is what an open loop saw: requests leave at a rate of their own, whatever became of the ones
// before them. A latency counts from when its request was due, so that a stall of the server
// is in the figures of all who would have come meanwhile (coordinated omission).
type Paced struct {
	Name           string
	Rate           float64 // requests a second that were due
	P50, P99, P999 time.Duration
	Max            time.Duration

	ServerUse, LoadUse float64 // of one core
}

// mostInFlight is how many senders an open loop has. If all are busy when a request is due, it waits for
// one, and that counts.
const mostInFlight = 512

// paced sends at the rate for as long as the window.
func (l *load) paced(server metered, name string, rate float64, window time.Duration) (Paced, error) {
	n := int(rate * window.Seconds())
	due := make(chan time.Time, n)
	took, errs := make([][]time.Duration, mostInFlight), make([]error, mostInFlight)
	var group sync.WaitGroup
	for k := range mostInFlight {
		s, err := l.wire.open(k)
		if err != nil {
			return Paced{}, err
		}
		group.Go(func() {
			defer s.Close()
			for at := range due {
				answer, err := s.send(l.requests[(k+len(took[k]))%len(l.requests)])
				if err == nil && !l.good(answer) {
					err = errAnswer
				}
				if err != nil {
					errs[k] = err
					continue
				}
				took[k] = append(took[k], time.Since(at))
			}
		})
	}
	from, err := read(server)
	if err != nil {
		return Paced{}, err
	}
	began, step := time.Now(), time.Duration(float64(time.Second)/rate)
	for i := range n {
		at := began.Add(time.Duration(i) * step)
		time.Sleep(time.Until(at))
		due <- at
	}
	close(due)
	group.Wait()
	to, err := read(server)
	if err != nil {
		return Paced{}, err
	}
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	if len(all) != n {
		return Paced{}, fmt.Errorf("%s at %.0f a second: %d of %d were answered: %v", name, rate, len(all), n, slices.DeleteFunc(errs, func(e error) bool { return e == nil }))
	}
	seconds := to.server.At.Sub(from.server.At).Seconds()
	return Paced{
		Name: name, Rate: rate,
		ServerUse: (to.server.CPU - from.server.CPU).Seconds() / seconds, LoadUse: (to.self.CPU - from.self.CPU).Seconds() / seconds,
		P50: all[n/2], P99: all[n*99/100], P999: all[n*999/1000], Max: all[n-1],
	}, nil
}

// pacedRows measures the rows that a person waits for, at a third and at two thirds of what a closed loop got.
func (b *bench) pacedRows(ctx context.Context, rows []row) error {
	for _, name := range []string{introspectGRPC, introspectOAuth, exchangeSeen} {
		i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
		closed := b.results.find(name, 32)
		if i < 0 || closed == nil {
			continue
		}
		for _, share := range []float64{1. / 3, 2. / 3} {
			l, err := b.load(b.whittle, &rows[i], mostInFlight)
			if err := errors.Join(ctx.Err(), err); err != nil {
				return err
			}
			p, err := l.paced(b.whittle, name, closed.Rate*share, b.window)
			l.wire.Close()
			if err != nil {
				return err
			}
			b.results.Paced = append(b.results.Paced, p)
			fmt.Fprintf(b.results.progress, "     %-46s %7.0f/s due: p50 %v p99 %v p99.9 %v\n", name, p.Rate, p.P50, p.P99, p.P999)
		}
	}
	return nil
}
