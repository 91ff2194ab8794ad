// Package hush takes tokens and secrets out of texts. Callers put them where a name belongs, by mistake, and such a
// text is then written where it stays: in the record, in a log. What is asked about here is on the way of each
// exchange, so a text without any costs a look for what they begin with, and no memory.
package hush

import (
	"encoding/base64"
	"slices"
	"strings"
)

// Hidden stands where something was.
const Hidden = "(hidden)"

// Text is the text with [Hidden] in the place of whatever looks like a token or a secret: Whittle's own by their
// prefixes, and any JWT (RFC 7519). The result is never longer.
func Text(s string) string {
	from, to := find(s)
	if from < 0 {
		return s
	}
	var b strings.Builder
	for from >= 0 {
		b.WriteString(s[:from])
		b.WriteString(Hidden)
		s = s[to:]
		from, to = find(s)
	}
	b.WriteString(s)
	return b.String()
}

// Found says whether anything in the text would be hidden.
func Found(s string) bool {
	from, _ := find(s)
	return from >= 0
}

// Any says whether anything in any of the texts would be hidden.
func Any(lists ...[]string) bool {
	for _, list := range lists {
		for _, s := range list {
			if Found(s) {
				return true
			}
		}
	}
	return false
}

// Texts is the list with each text as [Text] has it: the same list if nothing is hidden.
func Texts(list []string) []string {
	if !Any(list) {
		return list
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = Text(s)
	}
	return out
}

// Our own. Each is as long as a real one at least, lest a name like news_articles is taken for one.
const (
	opaque  = "wt_"    // a token: 36 bytes in base64url
	secret  = "ws_"    // a client's: 32 bytes in base64url
	webhook = "whsec_" // 24 to 64 bytes in base64, which a URL may have escaped

	leastOpaque  = 48
	leastSecret  = 43
	leastWebhook = 32

	leastHeader = len("eyJhbGciOiJ4In0") // {"alg":"x"}
)

// find is where the first one stands; -1: nowhere.
func find(s string) (from, to int) {
	from = -1
	keep := func(f, t int) {
		if f >= 0 && (from < 0 || f < from) {
			from, to = f, t
		}
	}
	if len(s) > leastHeader {
		keep(jwt(s))
	}
	if len(s) >= len(webhook)+leastWebhook {
		keep(prefixed(s, webhook, leastWebhook, "+/=%"))
	}
	if len(s) >= len(secret)+leastSecret {
		keep(prefixed(s, secret, leastSecret, ""))
		keep(prefixed(s, opaque, leastOpaque, ""))
	}
	return from, to
}

// prefixed finds a prefix with at least so many characters of base64url, or of also, behind it. What stands before the
// prefix is no part of a word, or else what comes behind it has letters of both cases, as only one name in very many has
// and all but one secret in 10⁹: it may be glued to something, as in %3Dws_….
func prefixed(s, prefix string, least int, also string) (from, to int) {
	for at := 0; ; {
		i := strings.Index(s[at:], prefix)
		if i < 0 {
			return -1, 0
		}
		from, at = at+i, at+i+len(prefix)
		to = at
		for to < len(s) && (inBase64(s[to]) || strings.IndexByte(also, s[to]) >= 0) {
			to++
		}
		if to-at >= least && (from == 0 || !inWord(s[from-1]) || mixed(s[at:to])) {
			return from, to
		}
	}
}

// jwt finds a JOSE header in base64url before a dot (RFC 7515 section 7.1), with all that belongs to it behind: also
// when the end is missing, since its claims name people.
func jwt(s string) (from, to int) {
	for begin := 0; ; {
		i := strings.IndexByte(s[begin:], '.')
		if i < 0 {
			return -1, 0
		}
		dot := begin + i
		from = dot
		for i >= leastHeader && from > begin && inBase64(s[from-1]) {
			from--
		}
		for ; dot-from >= leastHeader; from++ { // something may stand right before it
			if !object(s[from:dot]) {
				continue
			}
			for to = dot; to < len(s) && (inBase64(s[to]) || s[to] == '.'); to++ {
			}
			return from, to
		}
		begin = dot + 1
	}
}

// object says whether a text decodes to what begins as a JSON object with a member does, and ends as one does. Of a
// long one only the beginning is looked at, so that no text costs more than its length.
func object(text string) bool {
	if text[0] != 'e' || text[1] != 'y' && text[1] != 'w' || len(text)%4 == 1 { // { and then " or blank
		return false
	}
	var encoded, decoded [64]byte
	part := func(s string) []byte {
		n, _ := base64.RawURLEncoding.Decode(decoded[:], encoded[:copy(encoded[:], s)])
		return decoded[:n]
	}
	tail := part(text[(len(text)-1)&^3:])
	if last := tail[len(tail)-1]; last != '}' && !blank(last) {
		return false
	}
	head := part(text[:min(len(text), len(encoded))])
	quotes := 0
	for _, c := range head {
		if c < ' ' && !blank(c) {
			return false
		}
		if c == '"' {
			quotes++
		}
	}
	return head[0] == '{' && (head[1] == '"' || blank(head[1])) && quotes > 1 && slices.Contains(head, ':')
}

// blank says whether JSON allows the byte between its tokens.
func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func inBase64(c byte) bool { return c == '-' || inWord(c) }

func inWord(c byte) bool { return c == '_' || '0' <= c && c <= '9' || upper(c) || lower(c) }

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }

func lower(c byte) bool { return 'a' <= c && c <= 'z' }

// mixed says whether the text has letters of both cases.
func mixed(s string) bool {
	var ups, lows bool
	for i := range len(s) {
		ups, lows = ups || upper(s[i]), lows || lower(s[i])
	}
	return ups && lows
}
