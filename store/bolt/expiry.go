package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/whittle-sts/whittle/store"
)

var errNoSuchTable = errors.New("no such table")

// The records that end. Each begins with its expiry, and tableExpiry lists them all in order of it,
// so that dropping what has ended reads nothing else. A record with the zero time never ends.

func (w *writer) PutOpaque(o store.Opaque) error {
	return w.putExpiring('o', o.Hash[:], o.Expires, o.Claims)
}

func (w *writer) PutUses(u store.Uses) error {
	return w.putExpiring('u', u.Token[:], u.Expires, binary.BigEndian.AppendUint32(nil, u.Left))
}

func (w *writer) PutUseSeen(token [16]byte, useID string, until time.Time) error {
	return w.putExpiring('s', useKey(token, useID), until, nil)
}

func (w *writer) AppendRevocation(r store.Revocation) (uint64, error) {
	r.Seq = w.batch.meta.Rev + 1
	text, err := encode(tableRevocation, &r)
	if err != nil {
		return 0, err
	}
	if err := w.putExpiring('r', number(r.Seq), r.Expires, text); err != nil {
		return 0, err
	}
	w.batch.meta.Rev = r.Seq
	return r.Seq, nil
}

func (w *writer) DeleteRevocation(seq uint64) error {
	expires, there, err := w.expiry(tableRevocation, number(seq))
	if err != nil || !there {
		return err
	}
	return w.removeExpiring('r', number(seq), expires)
}

// DropExpired takes the records that ended first.
func (w *writer) DropExpired(before time.Time, limit int) (int, error) {
	var ended [][]byte
	end := instant(before)
	err := w.scan(tableExpiry, nil, func(key, _ []byte) (bool, error) {
		if len(ended) >= limit || bytes.Compare(key, end) >= 0 {
			return false, nil
		}
		ended = append(ended, bytes.Clone(key))
		return true, nil
	})
	if err != nil {
		return 0, err
	}
	if len(ended) > 0 {
		w.reached(before)
	}
	for _, key := range ended {
		expires, rest, err := cutInstant(tableExpiry, key, key)
		if err == nil && (len(rest) == 0 || expiring[rest[0]].name == "") {
			err = corrupt(tableExpiry, key, errNoSuchTable)
		}
		if err != nil {
			return 0, err
		}
		if err := w.removeExpiring(rest[0], rest[1:], expires); err != nil {
			return 0, err
		}
	}
	return len(ended), nil
}

func expiryKey(letter byte, key []byte, expires time.Time) []byte {
	return append(append(instant(expires), letter), key...)
}

// expiry is when the record under the key ends, if there is one.
func (w *writer) expiry(t table, key []byte) (expires time.Time, there bool, err error) {
	payload, err := w.get(t, key)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, err
	}
	expires, _, err = cutInstant(t, key, payload)
	return expires, true, err
}

func (w *writer) putExpiring(letter byte, key []byte, expires time.Time, body []byte) error {
	t := expiring[letter]
	if len(key) > maxKey-timeSize-1 {
		return errKey
	}
	old, there, err := w.expiry(t, key)
	if err != nil {
		return err
	}
	if there && !old.Equal(expires) {
		if err := w.removeExpiring(letter, key, old); err != nil {
			return err
		}
	}
	if err := w.put(t, key, instant(expires), body); err != nil {
		return err
	}
	if expires.IsZero() {
		return nil
	}
	return w.put(tableExpiry, expiryKey(letter, key, expires))
}

func (w *writer) removeExpiring(letter byte, key []byte, expires time.Time) error {
	if err := w.remove(expiring[letter], key); err != nil {
		return fmt.Errorf("drop: %w", err)
	}
	return w.remove(tableExpiry, expiryKey(letter, key, expires))
}
