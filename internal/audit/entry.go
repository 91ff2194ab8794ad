package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// MaxEntry is the most bytes of an entry: what an entry bundle of C2SP tlog-tiles can hold.
const MaxEntry = 65535

// Errors of the form.
var (
	ErrTooLarge = fmt.Errorf("an audit entry has at most %d bytes", MaxEntry)
	ErrEntry    = errors.New("not an audit entry")
)

// Entry is an event in its stored form, ready for [Log.Do]. Only [Log.Prepare] makes one.
type Entry struct {
	event   *Event // its people sealed
	bytes   []byte
	sealers []sealer // one for each of the event's people
}

// timeLayout is RFC 3339 with milliseconds; all times are UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Decode reads an entry without any key: its people stay sealed. It takes exactly what encoding the
// event again gives, so an entry has one form, and a member that this version doesn't know is an error
// instead of being overlooked.
func Decode(entry []byte) (Event, error) {
	if _, dropped := ReadRemnant(entry); dropped {
		return Event{}, ErrDropped
	}
	if len(entry) > MaxEntry {
		return Event{}, fmt.Errorf("%w: %w", ErrEntry, ErrTooLarge)
	}
	e, err := decode(string(entry))
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	if e.Format != Format {
		return Event{}, fmt.Errorf("%w: format %d, not %d", ErrEntry, e.Format, Format)
	}
	if err := e.check(); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	for i := range e.People {
		if err := e.People[i].checkSealed(); err != nil {
			return Event{}, fmt.Errorf("%w: person %d: %w", ErrEntry, i, err)
		}
	}
	return e, nil
}

// toText is how bytes stand in an entry: base64url without padding.
func toText(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// fromText reads what toText wrote, and nothing else.
func fromText(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || s == "" || strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("malformed base64url")
	}
	return b, nil
}
