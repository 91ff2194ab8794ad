package process

import (
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

// traffic is clients that ask until the server is gone.
type traffic struct {
	t      *testing.T
	p      *process
	staff  staff
	ledger *ledger
	stop   chan struct{}
	group  sync.WaitGroup
}

func (x *traffic) stopped() bool {
	select {
	case <-x.stop:
		return true
	default:
		return false
	}
}

// run repeats do, which says whether it may be repeated, in so many clients.
func (x *traffic) run(n int, do func() bool) {
	for range n {
		x.group.Go(func() {
			for !x.stopped() && do() {
			}
		})
	}
}

// begin starts all of it.
func (x *traffic) begin() {
	worker, gate := func() *client { return x.staff.as(x.p, "worker") }, func() *client { return x.staff.as(x.p, "gate") }
	ask, look := worker(), gate()
	x.run(2, func() bool { return x.family(ask, look) })
	x.run(2, func() bool { return x.countdown(ask, look) })
	ops := x.staff.as(x.p, "ops")
	x.run(1, func() bool { return x.change(ops) })
	x.run(1, func() bool { return x.guest(ops) })
	for _, d := range x.ledger.doors {
		x.run(1, func() bool { return x.swing(ops, d) })
	}
}

// answered says whether there was a definite answer; a refusal that nothing explains fails the test.
func (x *traffic) answered(kind string, err error, expected ...int) bool {
	if err == nil {
		return true
	}
	if errors.Is(err, errNoAnswer) {
		if kind != "" {
			x.ledger.doubtful(kind)
		}
		return false
	}
	for _, status := range expected {
		if is(err, status) {
			return false
		}
	}
	x.t.Errorf("%s: %v", kind, err)
	return false
}

func (x *traffic) grant(c *client, kind string, values url.Values) (token, bool) {
	got, err := c.grant(values)
	if !x.answered(kind, err) {
		return token{}, false
	}
	x.ledger.note(func() {
		x.ledger.granted[got.Decision] = got.id()
		x.ledger.total.granted++
		if kind == "exchange" { // what the gate may introspect
			x.ledger.alive[got.Text] = true
		}
	})
	return got, true
}

// family is a task token with two children. One child is revoked, and then the whole family.
func (x *traffic) family(ask, look *client) bool {
	task, ok := x.grant(ask, "client_credentials", taskToken)
	if !ok {
		return false
	}
	var children []token
	for range 2 {
		child, ok := x.grant(ask, "exchange", childOf(task.Text))
		if !ok {
			return false
		}
		children = append(children, child)
	}
	in, err := look.introspect(children[0].Text)
	if !x.answered("", err) {
		return false
	}
	if !in.Active {
		x.t.Errorf("a token that was just granted is inactive")
	}
	if !x.revoke(ask, look, children[0]) {
		return false
	}
	return x.revoke(ask, look, task, children[1])
}

// revoke revokes a token, with which its children die.
func (x *traffic) revoke(ask, look *client, t token, children ...token) bool {
	all := append([]token{t}, children...)
	x.ledger.note(func() { // from now on nobody knows, until it is answered
		for _, one := range all {
			delete(x.ledger.alive, one.Text)
		}
	})
	if err := ask.revoke(t.Text); !x.answered("revocation", err) {
		return false
	}
	x.ledger.note(func() {
		x.ledger.revoked[t.id()] = true
		x.ledger.total.revoked++
		for _, one := range all {
			x.ledger.dead[one.Text] = true
		}
	})
	in, err := look.introspect(all[len(all)-1].Text)
	if !x.answered("", err) {
		return false
	}
	if in.Active {
		x.t.Error("active after its revocation was answered")
	}
	return true
}

// countdown uses a counted token until it is used up.
func (x *traffic) countdown(ask, look *client) bool {
	run, ok := x.grant(ask, "client_credentials", runToken)
	if !ok {
		return false
	}
	x.ledger.note(func() { x.ledger.counted[run.Text] = 3 })
	for range 2 { // the last use stays, for after a restart
		if !x.use(look, run.Text) {
			return false
		}
	}
	return true
}

// use uses a counted token once.
func (x *traffic) use(look *client, text string) bool {
	in, err := look.introspect(text)
	if !x.answered("introspection_use", err) {
		return false
	}
	x.ledger.note(func() {
		before := x.ledger.counted[text]
		switch {
		case in.Active && (in.Left == nil || int(*in.Left) >= before):
			x.t.Errorf("%d uses were left, and after one more %v", before, in.Left)
		case in.Active:
			x.ledger.counted[text] = int(*in.Left)
			x.ledger.uses[in.ID] = append(x.ledger.uses[in.ID], *in.Left)
			x.ledger.total.used++
		default:
			x.ledger.counted[text] = 0
		}
	})
	return true
}

// change applies the one policy and the other in turn.
func (x *traffic) change(ops *client) bool {
	var expected uint64
	x.ledger.note(func() { expected = x.ledger.policy })
	now, err := version(ops)
	if !x.answered("", err, http.StatusTooManyRequests) {
		return err != nil && is(err, http.StatusTooManyRequests)
	}
	if now < expected {
		x.t.Errorf("policy version %d after %d was answered", now, expected)
	}
	next := policy
	if now%2 == 1 { // odd versions have the guest
		next = withoutGuest()
	}
	before := map[string]bool{} // secrets that were answered before it was sent
	x.ledger.note(func() {
		for secret := range x.ledger.secrets {
			before[secret] = true
		}
	})
	made, err := apply(ops, next, now)
	if !x.answered("policy", err, http.StatusTooManyRequests) {
		return err != nil && is(err, http.StatusTooManyRequests)
	}
	x.ledger.note(func() {
		x.ledger.policy = made
		x.ledger.total.policies++
		x.ledger.answered["policy"]++
		if made%2 == 1 {
			return
		}
		for secret := range before {
			x.ledger.gone = append(x.ledger.gone, secret)
			delete(x.ledger.secrets, secret)
		}
	})
	return true
}

// guest makes secrets for the client that comes and goes.
func (x *traffic) guest(ops *client) bool {
	secret, err := makeSecret(ops, "guest")
	if err != nil && (is(err, http.StatusNotFound) || is(err, http.StatusBadRequest) || is(err, http.StatusConflict) || is(err, http.StatusTooManyRequests)) {
		time.Sleep(time.Millisecond) // it isn't there, has enough of them, or its policy just changed
		return true
	}
	if !x.answered("credential", err) {
		return false
	}
	x.ledger.note(func() {
		x.ledger.secrets[secret] = true
		x.ledger.total.secrets++
		x.ledger.answered["credential"]++
	})
	return true
}
