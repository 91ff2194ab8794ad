package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func testKey(t *testing.T, first byte) *Key {
	t.Helper()
	key, err := NewKey(secretOf(first))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func secretOf(first byte) []byte {
	return append([]byte{first}, bytes.Repeat([]byte("k"), KeySize-1)...)
}

func TestASealedTextOpensOnlyWholeAndInItsPlace(t *testing.T) {
	key := testKey(t, 1)
	for _, text := range []string{"", "x", strings.Repeat("secret", 1000)} {
		sealed := key.Seal([]byte(text), []byte("place"))
		if open, err := key.Open(sealed, []byte("place")); err != nil || string(open) != text {
			t.Errorf("%d bytes in their place: %v", len(text), err)
		}
		if _, err := testKey(t, 2).Open(sealed, []byte("place")); !errors.Is(err, ErrOpen) {
			t.Errorf("under another key: %v", err)
		}
		for _, elsewhere := range []string{"", "plac", "place ", "Place"} {
			if _, err := key.Open(sealed, []byte(elsewhere)); !errors.Is(err, ErrOpen) {
				t.Errorf("at %q: %v", elsewhere, err)
			}
		}
		for i := range min(len(sealed), 64) {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1
			if _, err := key.Open(changed, []byte("place")); !errors.Is(err, ErrOpen) {
				t.Errorf("byte %d changed: %v", i, err)
			}
			if _, err := key.Open(sealed[:i], []byte("place")); !errors.Is(err, ErrOpen) {
				t.Errorf("cut to %d bytes: %v", i, err)
			}
		}
		if _, err := key.Open(append(bytes.Clone(sealed), 0), []byte("place")); !errors.Is(err, ErrOpen) {
			t.Errorf("a byte behind: %v", err)
		}
	}
}

// TestTheFormOfASealedText: nonce, ciphertext and tag, as whoever reads a copy of a store has to know.
func TestTheFormOfASealedText(t *testing.T) {
	block, err := aes.NewCipher(secretOf(1))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := []byte("twelve bytes")
	sealed := gcm.Seal(bytes.Clone(nonce), nonce, []byte("text"), []byte("place"))
	if text, err := testKey(t, 1).Open(sealed, []byte("place")); err != nil || string(text) != "text" {
		t.Errorf("sealed by the standard's own words: %q, %v", text, err)
	}
}

func TestNoTwoSealedTextsAreAlike(t *testing.T) {
	key := testKey(t, 1)
	seen := make(map[string]bool)
	for range 100 {
		sealed := key.Seal([]byte("same"), nil)
		if seen[string(sealed)] {
			t.Fatal("sealed alike")
		}
		seen[string(sealed)] = true
	}
}

func TestAKeyHas32Bytes(t *testing.T) {
	for _, size := range []int{0, 16, 24, 31, 33, 64} {
		if key, err := NewKey(make([]byte, size)); err == nil || key != nil {
			t.Errorf("%d bytes were taken", size)
		}
	}
}

// holder keeps a key in an unexported field, which fmt prints without asking its String.
type holder struct{ key *Key }

func TestAKeyDoesNotPrint(t *testing.T) {
	secret := secretOf(1)
	key, err := NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, v := range []any{key, *key, holder{key}, &holder{key}, []*Key{key}, map[string]any{"a": key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			shown = append(shown, fmt.Sprintf(verb, v))
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", key, "value", *key, "holder", holder{key})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key, "value", *key, "holder", holder{key})
	text, err := json.Marshal([]any{key, *key})
	if err != nil {
		t.Fatal(err)
	}
	shown = append(shown, log.String(), string(text))
	for _, spelling := range []string{"kkkkkkkk", "6b6b6b6b", "107 107 107", "0x6b, 0x6b", "a2tra2tr"} {
		for _, s := range shown {
			if strings.Contains(s, spelling) {
				t.Errorf("shown as %s: %.200s", spelling, s)
			}
		}
	}
}
