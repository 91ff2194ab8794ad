package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

const (
	least  = 16 // bytes that a secret has at least; a shorter one is a word
	window = 12 // bytes by which forms are indexed; each form is longer
)

// search finds many secrets at once: each form by its first bytes.
type search struct {
	secrets int // distinct ones
	lines   int // of the ledger
	seen    map[string]bool
	forms   map[[window]byte][]form
}

type form struct {
	text   string
	name   string
	secret int // its line in the ledger
}

type finding struct {
	line, secret int
	form         string
}

func newSearch() *search {
	return &search{seen: make(map[string]bool), forms: make(map[[window]byte][]form)}
}

// add takes the ledger's next line.
func (s *search) add(secret string) {
	s.lines++
	if len(secret) < least || s.seen[secret] {
		return
	}
	s.seen[secret] = true
	s.secrets++
	s.encoded(secret, "as it is")
	parts := strings.Split(secret, ".")
	if signature := parts[len(parts)-1]; len(parts) > 1 && len(signature) >= least {
		s.put(signature, "its signature")
	}
}

// encoded puts a secret in all its forms.
func (s *search) encoded(secret, name string) {
	s.put(secret, name)
	s.put(url.QueryEscape(secret), "escaped")
	s.put(hex.EncodeToString([]byte(secret)), "in hex")
	s.put(strings.ToUpper(hex.EncodeToString([]byte(secret))), "in hex")
	for before := range 3 {
		// What stands before the secret shifts its bits; the characters that mix it with its neighbours
		// are left out.
		padded := append(make([]byte, before), secret...)
		first := []int{0, 2, 3}[before]
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString(padded)
			s.put(text[first:len(text)-1], "in base64")
		}
	}
}

func (s *search) put(text, name string) {
	if len(text) < window {
		return
	}
	key := [window]byte([]byte(text[:window]))
	for _, f := range s.forms[key] {
		if f.text == text {
			return
		}
	}
	s.forms[key] = append(s.forms[key], form{text, name, s.lines})
}

// in lists what a text holds.
func (s *search) in(text []byte) []finding {
	var out []finding
	line := 1
	for i := range text {
		if text[i] == '\n' {
			line++
		}
		if i+window > len(text) {
			continue
		}
		for _, f := range s.forms[[window]byte(text[i:i+window])] {
			if bytes.HasPrefix(text[i:], []byte(f.text)) {
				out = append(out, finding{line, f.secret, f.name})
			}
		}
	}
	return out
}
