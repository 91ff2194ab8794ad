package audit

import (
	"slices"

	"github.com/whittle-sts/whittle/internal/hush"
)

// hush takes out of the event what looks like a token or a secret: callers put them where a name belongs, and an entry
// stays. It is for what callers and issuers chose, not for ids, which are ours. Nothing that the event points to is changed. The
// people must be the event's own; an exchange pays some 0.3 µs.
func (e *Event) hush() {
	e.Detail = hush.Text(e.Detail)
	if a := e.Asked; a != nil && hush.Any(a.Resource, a.Audience, a.Scope) {
		quiet := *a
		quiet.Resource, quiet.Audience, quiet.Scope = hush.Texts(a.Resource), hush.Texts(a.Audience), hush.Texts(a.Scope)
		e.Asked = &quiet
	}
	if slices.ContainsFunc(e.Removed, func(r Removal) bool { return hush.Found(r.Scope) }) {
		e.Removed = slices.Clone(e.Removed)
		for i := range e.Removed {
			e.Removed[i].Scope = hush.Text(e.Removed[i].Scope)
		}
	}
	if c := e.Change; c != nil && hush.Found(c.Note) {
		quiet := *c
		quiet.Note = hush.Text(c.Note)
		e.Change = &quiet
	}
	if r := e.Revoked; r != nil && hush.Found(r.Reason) {
		quiet := *r
		quiet.Reason = hush.Text(r.Reason)
		e.Revoked = &quiet
	}
	if u := e.Used; u != nil && hush.Found(u.UseID) {
		quiet := *u
		quiet.UseID = hush.Text(u.UseID)
		e.Used = &quiet
	}
	if u := e.Uses; u != nil && slices.ContainsFunc(u.Rows, func(r Usage) bool { return hush.Found(r.Scope) || hush.Found(r.Action) }) {
		quiet := *u
		quiet.Rows = slices.Clone(u.Rows)
		for i := range quiet.Rows {
			r := &quiet.Rows[i]
			r.Scope, r.Action = hush.Text(r.Scope), hush.Text(r.Action)
		}
		e.Uses = &quiet
	}
	for i := range e.People {
		p := &e.People[i].Personal
		p.Label, p.Reason = hush.Text(p.Label), hush.Text(p.Reason)
		if loud(p.Attributes) {
			p.Attributes, _ = hushed(p.Attributes).(map[string]any)
		}
	}
}

// loud says whether a value of an attribute, or the name of a member in it, would be hidden.
func loud(v any) bool {
	switch v := v.(type) {
	case string:
		return hush.Found(v)
	case []any:
		return slices.ContainsFunc(v, loud)
	case map[string]any:
		for name, e := range v {
			if hush.Found(name) || loud(e) {
				return true
			}
		}
	}
	return false
}

// hushed is a copy of the value with that hidden.
func hushed(v any) any {
	switch v := v.(type) {
	case string:
		return hush.Text(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = hushed(e)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, e := range v {
			object[hush.Text(name)] = hushed(e)
		}
		return object
	default:
		return v
	}
}
