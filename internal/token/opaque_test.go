package token

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/seal"
)

func opaque(t testing.TB) (string, *Claims, SealedOpaque) {
	t.Helper()
	text, c, row, err := NewMinter(us, rand.Reader).MintOpaque(usual(t))
	if err != nil {
		t.Fatal(err)
	}
	return text.Reveal(), c, row
}

func TestT5_OpaqueTokensHaveOneSpelling(t *testing.T) {
	good, _, _ := opaque(t)
	if len(good) != 51 || !IsOpaque(good) {
		t.Fatalf("%d characters", len(good))
	}
	for name, text := range map[string]string{
		"nothing":             "",
		"the prefix":          "wt_",
		"without the prefix":  good[3:],
		"another prefix":      "WT_" + good[3:],
		"a space behind":      good + " ",
		"a newline inside":    good[:20] + "\n" + good[20:50],
		"a newline at length": good[:50] + "\n",
		"four line breaks":    good[:47] + "\r\n\r\n",
		"twice":               good + good,
		"padding":             good[:49] + "==",
		"all A":               "wt_" + strings.Repeat("A", 48),
		"standard alphabet":   good[:50] + "/",
		"a megabyte":          good + strings.Repeat("A", 1<<20),
	} {
		if _, err := ParseOpaque(text); !errors.Is(err, ErrMalformed) && text != good {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range good {
		if _, err := ParseOpaque(good[:i]); err == nil {
			t.Errorf("cut to %d characters it is still a token", i)
		}
	}
	for i := len("wt_"); i < len(good); i++ {
		flipped := good[:i] + string(good[i]^0x20) + good[i+1:]
		if _, err := ParseOpaque(flipped); err == nil {
			t.Errorf("with character %d in the other case it is still a token", i)
		}
	}
	if _, err := ParseOpaque(good); err != nil {
		t.Error(err)
	}
}

func TestOpaqueTokensOpenWhatWasKept(t *testing.T) {
	text, minted, row := opaque(t)
	ref, err := ParseOpaque(text)
	if err != nil || ref.Hash() != row.Hash {
		t.Fatal(err)
	}
	c, err := ref.Open(us, row.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	c.Actor, minted.Actor = nil, nil
	if !same(c, minted) {
		t.Errorf("opened\n%#v, minted\n%#v", c, minted)
	}

	other, _, otherRow := opaque(t)
	otherRef, err := ParseOpaque(other)
	if err != nil {
		t.Fatal(err)
	}
	bent := bytes.Clone(row.Sealed)
	bent[len(bent)/2] ^= 1
	for name, open := range map[string]func() (*Claims, error){
		"another token's row":     func() (*Claims, error) { return ref.Open(us, otherRow.Sealed) },
		"another token":           func() (*Claims, error) { return otherRef.Open(us, row.Sealed) },
		"a bit changed":           func() (*Claims, error) { return ref.Open(us, bent) },
		"nothing":                 func() (*Claims, error) { return ref.Open(us, nil) },
		"another server's issuer": func() (*Claims, error) { return ref.Open(us+"/", row.Sealed) },
	} {
		if c, err := open(); err == nil || c != nil || !errors.Is(err, seal.ErrOpen) && !errors.Is(err, ErrIssuer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpaqueRowsTellNothing(t *testing.T) {
	text, _, row := opaque(t)
	raw, err := strict.DecodeString(text[3:])
	if err != nil {
		t.Fatal(err)
	}
	for _, told := range []string{text, text[3:], string(raw[:32]), "00u1ana", "summarizer"} {
		if bytes.Contains(row.Sealed, []byte(told)) || bytes.Contains(row.Hash[:], []byte(told)) {
			t.Errorf("the row holds %d bytes of what it hides", len(told))
		}
	}
	if binary.BigEndian.Uint32(raw[32:]) != crc32.ChecksumIEEE(raw[:32]) {
		t.Error("the checksum isn't CRC-32")
	}
	if _, _, _, err := NewMinter(us, bytes.NewReader(make([]byte, 31))).MintOpaque(usual(t)); err == nil {
		t.Error("a token was made of 31 random bytes")
	}
}
