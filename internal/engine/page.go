package engine

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// A page token is where the next page of a list begins, and of which list. It grants nothing: whoever may
// have the list may begin it anywhere. So it isn't authenticated, but only what was given out for the same
// question is taken, lest a page of another list be passed off as the next.

const pageFormat = 1

// listID is the question that a page token belongs to.
type listID [16]byte

// listOf is the id of a list and of what was asked of it.
func listOf(question ...string) listID {
	h := sha256.New()
	for _, q := range question {
		h.Write(binary.AppendUvarint(nil, uint64(len(q))))
		h.Write([]byte(q))
	}
	return listID(h.Sum(nil))
}

// token names a position in the list.
func (l listID) token(position string) string {
	return base64.RawURLEncoding.EncodeToString(append(append([]byte{pageFormat}, l[:]...), position...))
}

// position reads a token of this list; "" for the first page.
func (l listID) position(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	head := string(append([]byte{pageFormat}, l[:]...))
	position, ok := strings.CutPrefix(string(raw), head)
	if err != nil || !ok || position == "" || strings.ContainsAny(token, "\r\n") {
		return "", Refuse(InvalidRequest, "page_token", "page_token is not one of this list, as it is asked for now")
	}
	return position, nil
}

// numbered is token for a list by number.
func (l listID) numbered(n uint64) string {
	return l.token(string(binary.BigEndian.AppendUint64(nil, n)))
}

// number is position for a list by number; first for the first page.
func (l listID) number(token string, first uint64) (uint64, error) {
	position, err := l.position(token)
	if err != nil || position == "" {
		return first, err
	}
	if len(position) != 8 {
		return 0, Refuse(InvalidRequest, "page_token", "page_token is malformed")
	}
	return binary.BigEndian.Uint64([]byte(position)), nil
}
