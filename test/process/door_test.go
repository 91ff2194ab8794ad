package process

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
)

// door is a secret that is disabled and enabled again, and what the clients were answered of it.
type door struct {
	id, secret string
	shut       bool // by the newest answer
	doubt      bool // a request had no answer: the record says what became of it
}

// newDoors makes the secrets of the client that is named door.
func newDoors(t *testing.T, ops *client) []*door {
	t.Helper()
	var doors []*door
	for range 2 {
		var made struct{ ID, Secret string }
		must(t, ops.rpc("ClientService/CreateSecret", map[string]any{"client": "door"}, &made))
		doors = append(doors, &door{id: made.ID, secret: made.Secret})
	}
	return doors
}

// opens says whether the door's secret is accepted; an error says that nobody knows.
func (d *door) opens(p *process) (bool, error) {
	_, err := newClient(p.url, "door", d.secret).introspect("nothing")
	switch {
	case err == nil:
		return true, nil
	case is(err, http.StatusUnauthorized):
		return false, nil
	}
	return false, err
}

// swing shuts a door or opens it, and tries it.
func (x *traffic) swing(ops *client, d *door) bool {
	method, shut := "DisableSecret", !d.shut
	if !shut {
		method = "EnableSecret"
	}
	err := ops.rpc("ClientService/"+method, map[string]any{"client": "door", "id": d.id}, nil)
	if is(err, http.StatusTooManyRequests) {
		time.Sleep(time.Millisecond)
		return true
	}
	if !x.answered("credential", err) {
		x.ledger.note(func() { d.doubt = true })
		return false
	}
	x.ledger.note(func() {
		d.shut = shut
		x.ledger.total.switched++
		x.ledger.answered["credential"]++
	})
	opens, err := d.opens(x.p)
	if err != nil {
		x.answered("", err, http.StatusTooManyRequests) // strangers may fail only so often
		return !errors.Is(err, errNoAnswer)
	}
	if opens == shut {
		x.t.Errorf("after %s was answered, the secret's being accepted is %v", method, opens)
	}
	return true
}

// swung remembers what the record last says of a door's secret.
func (e *entries) swung(change *audit.Change) {
	if change.Client == "door" && (change.Action == "disabled" || change.Action == "enabled") {
		e.shut[change.ID] = change.Action == "disabled"
	}
}

// checkDoors holds the doors against the record. Where there was no answer the record's word counts.
func (e *entries) checkDoors(t *testing.T, l *ledger) {
	t.Helper()
	for _, d := range l.doors {
		shut, there := e.shut[d.id]
		if there && shut != d.shut && !d.doubt {
			t.Errorf("a secret was answered to be disabled: %v, and the record ends with %v", d.shut, shut)
		}
		if there {
			d.shut = shut
		}
		d.doubt = false
	}
}

// checkDoors tries each door after a start.
func (w *world) checkDoors() {
	w.t.Helper()
	for _, d := range w.ledger.doors {
		if opens, err := d.opens(w.p); err != nil || opens == d.shut {
			w.t.Errorf("a secret that is disabled: %v, is accepted after a start: %v, %v", d.shut, opens, err)
		}
	}
}
