package process

import (
	"net/http"
)

// checked is how many things of one kind are asked after a start.
const checked = 25

// checkServer holds what clients were answered against what the server says now.
func (w *world) checkServer() {
	w.t.Helper()
	gate, ops := w.staff.as(w.p, "gate"), w.staff.as(w.p, "ops")
	now, err := version(ops)
	if err != nil || now < w.ledger.policy {
		w.t.Errorf("policy version %d, %v, after %d was answered", now, err, w.ledger.policy)
	}
	w.ledger.policy = now
	w.checkTokens(gate)
	w.checkCounted(gate)
	w.checkGone()
	w.checkDoors()
}

func (w *world) checkTokens(gate *client) {
	w.t.Helper()
	asked := 0
	for text := range w.ledger.dead { // in no order: another sample each time
		in, err := gate.introspect(text)
		if err != nil || in.Active {
			w.t.Errorf("a token whose revocation was answered: %+v, %v", in, err)
		}
		if asked++; asked == checked {
			break
		}
	}
	asked = 0
	for text := range w.ledger.alive {
		in, err := gate.introspect(text)
		if err != nil || !in.Active {
			w.t.Errorf("a token that nobody revoked: %+v, %v", in, err)
		}
		delete(w.ledger.alive, text)
		if asked++; asked == checked {
			break
		}
	}
}

// checkCounted uses tokens that may have uses left, and those that have none.
func (w *world) checkCounted(gate *client) {
	w.t.Helper()
	asked := 0
	for text, left := range w.ledger.counted {
		in, err := gate.introspect(text)
		switch {
		case err != nil:
			w.t.Errorf("a counted token: %v", err)
		case in.Active && (in.Left == nil || int(*in.Left) >= left):
			w.t.Errorf("a counted token had %d uses left, and after one more %v", left, in.Left)
		case in.Active:
			w.ledger.counted[text] = int(*in.Left)
			w.ledger.uses[in.ID] = append(w.ledger.uses[in.ID], *in.Left)
			w.ledger.total.used++
		default:
			w.ledger.counted[text] = 0
		}
		if asked++; asked == checked {
			return
		}
	}
}

// checkGone tries secrets that a policy took away. Strangers may fail only so often, so a few do.
func (w *world) checkGone() {
	w.t.Helper()
	for i, secret := range w.ledger.gone {
		if i == 2 {
			break
		}
		_, err := newClient(w.p.url, "guest", secret).grant(readToken)
		if !is(err, http.StatusUnauthorized) && !is(err, http.StatusTooManyRequests) {
			w.t.Errorf("a secret that a policy took away: %v", err)
		}
	}
	w.ledger.gone = nil
}
