package audit

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// decisionCode is Crockford's alphabet in lower case: it sorts as the bytes do, and has no letter
// that is taken for a digit when an ID is read aloud.
var decisionCode = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// decisionSize is the characters of an ID.
const decisionSize = 26

var errDecision = errors.New("not a decision id")

// NewDecision makes the ID of a decision: 48 bits of milliseconds, then 80 random ones, in 26
// characters. IDs sort by time, which is how [Log.Find] finds an entry without an index. An ID is no
// secret, but can't be guessed either.
func NewDecision(at time.Time, random io.Reader) (string, error) {
	ms := at.UnixMilli()
	if ms < 0 || ms >= 1<<48 {
		return "", fmt.Errorf("%w: the time is out of range", errDecision)
	}
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16)
	if _, err := io.ReadFull(random, id[6:]); err != nil {
		return "", fmt.Errorf("decision id: %w", err)
	}
	var text [decisionSize]byte
	decisionCode.Encode(text[:], id[:])
	return string(text[:]), nil
}

// decisionTime is the time that the ID was made for; only what [NewDecision] writes is taken.
func decisionTime(id string) (time.Time, error) {
	raw, err := decisionCode.DecodeString(id)
	if err != nil || len(raw) != 16 {
		return time.Time{}, errDecision
	}
	var again [decisionSize]byte
	if decisionCode.Encode(again[:], raw); string(again[:]) != id {
		return time.Time{}, errDecision
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(raw) >> 16)).UTC(), nil
}
