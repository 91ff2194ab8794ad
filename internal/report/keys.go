package report

import (
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
)

// keys is how old signing keys, the log's key and secrets are, and when they were exchanged.
func (m *maker) keys() {
	m.report.Title = "Key rotation"
	m.report.About = "How old the keys that sign tokens, the key that signs the audit log and the clients' secrets are, which of them are older than they should be, and what was done to them. Keys themselves never leave the server."
	signing, oldKeys, oldSecrets, secrets := time.Duration(0), 0, 0, 0
	var keys, held [][]string
	spans := Spans{Name: "Signing keys", Says: "From when each key signs until it stops. One that goes on ends at the right edge.", Rows: []Span{}, Basis: OfServer, At: m.Checkpoint}
	for _, k := range m.Keys {
		age := m.Made.Sub(k.Active)
		late := k.State == "signing" && age > m.MaxKeyAge
		if k.State == "signing" {
			signing = age
		}
		if late {
			oldKeys++
		}
		keys = append(keys, []string{k.ID, k.Alg, k.State, moment(k.Created), moment(k.Active), moment(k.Retired), aged(max(0, age)), overdue(late)})
		spans.Rows = append(spans.Rows, Span{Name: k.ID, State: k.State, From: k.Active, To: k.Retired})
	}
	for _, s := range m.Secrets {
		usable := !s.Disabled && (s.Expires.IsZero() || s.Expires.After(m.Made))
		late := usable && m.Made.Sub(s.Created) > m.MaxSecretAge
		if usable {
			secrets++
		}
		if late {
			oldSecrets++
		}
		held = append(held, []string{s.Client, s.ID, state(s, usable), moment(s.Created), moment(s.Expires), moment(s.LastUsed), aged(m.Made.Sub(s.Created)), overdue(late)})
	}
	done := m.keyEvents()
	m.figure(OfServer, "age of the signing key", "Days since the key that signs began to.", days(signing), "days")
	m.figure(OfServer, "keys overdue", "Keys that sign for longer than "+aged(m.MaxKeyAge)+".", float64(oldKeys), "")
	if !m.LogKey.IsZero() {
		m.figure(OfServer, "age of the log's key", "Days since the key that signs the audit log's checkpoints began to. It is replaced when somebody does it, never by itself.", days(m.Made.Sub(m.LogKey)), "days")
	}
	m.figure(OfServer, "secrets that work", "Clients' secrets that are neither disabled nor ended.", float64(secrets), "")
	m.figure(OfServer, "secrets overdue", "Those older than "+aged(m.MaxSecretAge)+".", float64(oldSecrets), "")
	m.count("keys made", "Signing keys that were added in the window.", done.made)
	m.count("keys revoked", "Signing keys that were revoked in the window.", done.revoked)
	m.count("log keys replaced", "Times that another key took over signing the audit log in the window.", done.log)
	m.count("secrets changed", "Secrets that were made, disabled, enabled or deleted in the window.", done.secrets)
	m.report.Spans = append(m.report.Spans, spans)
	m.table(OfServer, "Each signing key", "", []string{"key", "alg", "state", "made", "signs from", "until", "age", "overdue"}, keys)
	m.table(OfServer, "Clients' secrets", "", []string{"client", "secret", "state", "made", "ends", "last used", "age", "overdue"}, held)
	m.table(OfLog, "What was done", "Entries of the window about keys and secrets.", []string{"entry", "time", "client", "what", "of", "note"}, done.rows)
}

// keyEvents is what the log says was done to keys and secrets.
type keyEvents struct {
	made, revoked, log, secrets uint64
	rows                        [][]string
}

func (m *maker) keyEvents() (k keyEvents) {
	for i := range m.window {
		e := &m.window[i]
		if e.Change == nil || e.Kind != audit.KindKey && e.Kind != audit.KindCredential || e.Outcome != audit.OutcomeDone {
			continue
		}
		switch {
		case e.Kind == audit.KindCredential:
			k.secrets++
		case e.Change.Action == audit.ActionAdded:
			k.made++
		case e.Change.Action == audit.ActionRevoked:
			k.revoked++
		case e.Change.Action == audit.ActionTookOver:
			k.log++
		}
		k.rows = append(k.rows, operated(e))
	}
	return k
}

func state(s Secret, usable bool) string {
	switch {
	case usable:
		return "works"
	case s.Disabled:
		return "disabled"
	default:
		return "ended"
	}
}

func overdue(is bool) string {
	if is {
		return "YES"
	}
	return ""
}

// aged is a time span for people.
func aged(d time.Duration) string {
	switch {
	case d < time.Hour:
		return number(int(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return number(int(d/time.Hour)) + " h"
	default:
		return number(int(d/(24*time.Hour))) + " days"
	}
}
