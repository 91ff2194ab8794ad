package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// wire is where requests go.
type wire interface {
	open(i int) (sender, error)
	Close()
}

// load is a closed loop: so many requests are in flight, and each is followed by the next.
type load struct {
	wire     wire
	requests [][]byte
	once     bool // each request is sent once, and the load ends when all were
	bearers  int  // how often an answer says Bearer: it is the good one
	alive    bool // each answer must say that a token is active, or be one
	inFlight int
	warm     time.Duration
	window   time.Duration // counted, after warm
}

// Measured is what one window came to.
type Measured struct {
	Requests  int
	Window    time.Duration
	CPU       float64 // of the server, µs a request
	Allocs    float64 // of the server, objects a request
	P50, P99  time.Duration
	P999      time.Duration // 99.9 %
	Rate      float64       // requests a second
	ServerUse float64       // of one core, as are the next two
	LoadUse   float64       // the generator's
	OtherUse  float64       // all that isn't server or generator: other programs, and interrupts
	Memory    int64
}

// answered is one good answer.
type answered struct {
	at   time.Time
	took time.Duration
}

// worker keeps one request in flight.
type worker struct {
	answers  []answered
	failures int
	last     error
}

var bearer, active, accessToken = []byte("Bearer"), []byte(`"active":true`), []byte(`"access_token":"`)

var errAnswer = errors.New("the answer is not the good one")

// good says whether the answer is what was asked for, without decoding it.
func (l *load) good(answer []byte) bool {
	if l.alive {
		return bytes.Contains(answer, active) || bytes.Contains(answer, accessToken)
	}
	return l.bearers == anyBearers || bytes.Count(answer, bearer) == l.bearers
}

func (w *worker) run(l *load, s sender, next *atomic.Int64, ended <-chan struct{}, exhausted func()) {
	for {
		select {
		case <-ended:
			return
		default:
		}
		n := next.Add(1) - 1
		if l.once && n >= int64(len(l.requests)) {
			exhausted()
			return
		}
		began := time.Now()
		answer, err := s.send(l.requests[n%int64(len(l.requests))])
		at := time.Now()
		if err == nil && !l.good(answer) {
			err = errAnswer
		}
		if err != nil {
			w.failures, w.last = w.failures+1, err
			if w.failures > 100 {
				return
			}
			continue
		}
		w.answers = append(w.answers, answered{at, at.Sub(began)})
	}
}

// run loads the server and measures what it spends. The window is between two readings of the
// server's counters, by the server's own time of reading.
func (l *load) run(server metered, profile string) (Measured, error) {
	workers := make([]worker, l.inFlight)
	ended, exhausted := make(chan struct{}), make(chan struct{})
	var exhaust sync.Once
	var next atomic.Int64
	var group sync.WaitGroup
	for i := range workers {
		s, err := l.wire.open(i)
		if err != nil {
			return Measured{}, err
		}
		group.Go(func() {
			defer s.Close()
			workers[i].run(l, s, &next, ended, func() { exhaust.Do(func() { close(exhausted) }) })
		})
	}
	from, to, err := l.watch(server, profile, exhausted)
	close(ended)
	group.Wait()
	if err != nil {
		return Measured{}, err
	}
	return sum(workers, from, to)
}

// reading is the counters at one moment.
type reading struct {
	server, self Usage
	busy         time.Duration
}

func read(server metered) (r reading, err error) {
	if r.server, err = server.usage(); err != nil {
		return r, err
	}
	r.busy = machineBusy()
	r.self, err = usage()
	return r, err
}

// watch waits through the warm-up and the window, which ends early when the requests do.
func (l *load) watch(server metered, profile string, exhausted <-chan struct{}) (from, to reading, err error) {
	time.Sleep(l.warm)
	if profile != "" {
		if err := server.profile(profile); err != nil {
			return from, to, err
		}
	}
	if from, err = read(server); err != nil {
		return from, to, err
	}
	select {
	case <-time.After(l.window):
	case <-exhausted:
	}
	if to, err = read(server); err == nil && profile != "" {
		err = server.profile("")
	}
	return from, to, err
}

func sum(workers []worker, from, to reading) (Measured, error) {
	m := Measured{Window: to.server.At.Sub(from.server.At), Memory: to.server.Memory}
	var took []time.Duration
	var last error
	failures := 0
	for i := range workers {
		if failures += workers[i].failures; workers[i].last != nil {
			last = workers[i].last
		}
		for _, a := range workers[i].answers {
			if a.at.After(from.server.At) && !a.at.After(to.server.At) {
				took = append(took, a.took)
			}
		}
	}
	switch m.Requests = len(took); {
	case failures > 0:
		return m, fmt.Errorf("%d good answers, %d failures: %w", m.Requests, failures, last)
	case m.Requests == 0:
		return m, errors.New("no answer came within the window")
	}
	slices.Sort(took)
	n := float64(m.Requests)
	cpu, self := to.server.CPU-from.server.CPU, to.self.CPU-from.self.CPU
	m.CPU = float64(cpu.Nanoseconds()) / 1e3 / n
	m.Allocs = float64(to.server.Objects-from.server.Objects) / n
	m.P50, m.P99, m.P999 = took[len(took)/2], took[len(took)*99/100], took[len(took)*999/1000]
	m.Rate = n / m.Window.Seconds()
	m.ServerUse, m.LoadUse = cpu.Seconds()/m.Window.Seconds(), self.Seconds()/m.Window.Seconds()
	m.OtherUse = (to.busy-from.busy).Seconds()/m.Window.Seconds() - m.ServerUse - m.LoadUse
	return m, nil
}
