package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "sts.example.com/log/00"

// example is the note and the verifier key of C2SP signed-note.
const (
	exampleKey  = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
	exampleNote = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

func TestExampleOfTheStandard(t *testing.T) {
	trust, err := NewTrust(exampleKey, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open([]byte(exampleNote), note.VerifierList(trust.keys[0])); err != nil {
		t.Errorf("the signature: %v", err)
	}
	if _, err := trust.Open([]byte(exampleNote)); !errors.Is(err, ErrText) {
		t.Errorf("a good note that is no checkpoint: %v", err)
	}
	public, _ := base64.StdEncoding.DecodeString("6TJ5GubnqECkYWTJBHhkJtXngh3YspoA1hyucq/dTaQ=")
	if id := keyID("example.com/foo", algEd25519, public); id != 0x530d903a {
		t.Errorf("key id %08x", id)
	}
}

func TestText(t *testing.T) {
	c := Checkpoint{Origin: "example.com/behind-the-sofa", Size: 20852163, Root: [32]byte(must(base64.StdEncoding.DecodeString("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")))}
	text := "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	if c.Text() != text {
		t.Errorf("got %q", c.Text())
	}
	for _, text := range []string{text, text + "an extension\n"} {
		if got, err := Parse(text); err != nil || got != c {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	empty := Checkpoint{Origin: origin, Root: sha256.Sum256(nil)}
	if want := origin + "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"; empty.Text() != want {
		t.Errorf("of the empty tree: %q", empty.Text())
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="

func TestOtherTextsAreNone(t *testing.T) {
	for _, text := range []string{
		"", "\n", "a\n", "a\n1\n", "a\n1\n" + root, "\n1\n" + root + "\n", "a\n1\n" + root + "\n\n", "a\n1\n" + root + "\n\nx\n",
		"a\n007\n" + root + "\n", "a\n00\n" + root + "\n", "a\n+7\n" + root + "\n", "a\n-7\n" + root + "\n", "a\n 7\n" + root + "\n", "a\n\n" + root + "\n",
		"a\n9223372036854775808\n" + root + "\n", "a\n18446744073709551616\n" + root + "\n", "a\n0x7\n" + root + "\n",
		"a\n7\n" + root[1:] + "\n", "a\n7\n" + strings.TrimSuffix(root, "=") + "\n", "a\n7\nAAAA\n", "a\n7\n" + root + " \n",
		"a\n7\n" + strings.Replace(root, "2I=", "2J=", 1) + "\n", // the same bytes, written otherwise
	} {
		if got, err := Parse(text); !errors.Is(err, ErrText) {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
}

func TestOriginNamesOneGeneration(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://sts.example.com":          "sts.example.com/log/",
		"https://sts.example.com/a/":       "sts.example.com/a/log/",
		"http://127.0.0.1:8080":            "127.0.0.1:8080/log/",
		"https://sts.example.com/a+b/c%20": "sts.example.com/a%2Bb/c%20/log/",
		"https://[::1]:8080":               "[::1]:8080/log/",
	} {
		got := Origin(issuer, [16]byte{0xab})
		if got != want+"ab000000000000000000000000000000" {
			t.Errorf("%s: %s", issuer, got)
		}
		if _, err := NewKey(got, make([]byte, SeedSize)); err != nil {
			t.Errorf("%s: %v", got, err)
		}
		if got == Origin(issuer, [16]byte{0xac}) {
			t.Error("two generations share an origin")
		}
	}
}

// witness co-signs as C2SP tlog-cosignature says.
type witness struct {
	name    string
	private ed25519.PrivateKey
}

func newWitness(name string, seed byte) witness {
	return witness{name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))}
}

func (w witness) public() []byte { return w.private.Public().(ed25519.PublicKey) }

func (w witness) vkey() string {
	return fmt.Sprintf("%s+%08x+%s", w.name, keyID(w.name, algCosignature, w.public()),
		base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, w.public()...)))
}

func (w witness) line(signed []byte, at uint64) []byte {
	text := signed[:bytes.LastIndex(signed, []byte("\n\n"))+1]
	signature := ed25519.Sign(w.private, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text))
	raw := binary.BigEndian.AppendUint32(nil, keyID(w.name, algCosignature, w.public()))
	raw = append(binary.BigEndian.AppendUint64(raw, at), signature...)
	return fmt.Appendf(nil, "— %s %s\n", w.name, base64.StdEncoding.EncodeToString(raw))
}

func newKey(t testing.TB, seed byte) *Key {
	t.Helper()
	k, err := NewKey(origin, bytes.Repeat([]byte{seed}, SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var theRoot = [32]byte(must(base64.StdEncoding.DecodeString(root)))

func sign(t testing.TB, k *Key) []byte {
	t.Helper()
	signed, err := k.Sign(7, theRoot)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

var one, two = newWitness("witness.example/one", 11), newWitness("witness.example/two", 12)

func newTrust(t testing.TB, quorum int) *Trust {
	t.Helper()
	trust, err := NewTrust(newKey(t, 1).Verifier(), []string{one.vkey(), two.vkey()}, quorum)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

func TestOpen(t *testing.T) {
	good := sign(t, newKey(t, 1))
	sig := func(k *Key, name string) []byte { // a line of that key under a name that may not be its own
		lines := sign(t, k)[len(Checkpoint{origin, 7, theRoot}.Text())+1:]
		return bytes.Replace(lines, []byte(origin), []byte(name), 1)
	}
	many := good
	for i := range 20 {
		many = slices.Concat(many, sig(newKey(t, byte(40+i)), "other.example"))
	}
	badLine := one.line(good, 5)
	badLine[len(badLine)-10] ^= 1
	for name, c := range map[string]struct {
		note      []byte
		taken     bool
		witnesses int
	}{
		"as signed":                             {good, true, 0},
		"with an unknown signature":             {slices.Concat(good, sig(newKey(t, 2), "other.example")), true, 0},
		"with twenty unknown signatures":        {many, true, 0},
		"with an unknown key of the log's name": {slices.Concat(good, sig(newKey(t, 2), origin)), true, 0},
		"with a witness":                        {slices.Concat(good, one.line(good, 5)), true, 1},
		"with two witnesses":                    {slices.Concat(one.line(nil, 0)[:0], good, one.line(good, 5), two.line(good, 6)), true, 2},
		"with one witness twice":                {slices.Concat(good, one.line(good, 5), one.line(good, 6)), true, 1},
		"with a stranger for a witness":         {slices.Concat(good, newWitness("x.example", 3).line(good, 5)), true, 0},
		"a bad signature beside a good one":     {slices.Concat(good, badLine), false, 0},
		"a witness that doesn't say when":       {slices.Concat(good, one.line(good, 0)), false, 0},
		"a witness from beyond time":            {slices.Concat(good, one.line(good, 1<<63)), false, 0},
		"a witness of another checkpoint":       {slices.Concat(good, one.line(bytes.Replace(good, []byte("\n7\n"), []byte("\n8\n"), 1), 5)), false, 0},
		"another key alone":                     {sign(t, newKey(t, 2)), false, 0},
		"a witness alone":                       {slices.Concat([]byte(Checkpoint{origin, 7, theRoot}.Text()+"\n"), one.line(good, 5)), false, 0},
		"another size":                          {bytes.Replace(good, []byte("\n7\n"), []byte("\n8\n"), 1), false, 0},
		"no signature":                          {[]byte(Checkpoint{origin, 7, theRoot}.Text()), false, 0},
		"a control byte":                        {bytes.Replace(good, []byte("\n7\n"), []byte("\n7\r\n"), 1), false, 0},
		"no UTF-8":                              {bytes.Replace(good, []byte("log"), []byte("lo\xff"), 1), false, 0},
		"too long":                              {slices.Concat(good, bytes.Repeat(sig(newKey(t, 2), "other.example"), 800)), false, 0},
		"nothing":                               {nil, false, 0},
	} {
		s, err := newTrust(t, 0).Open(c.note)
		if (err == nil) != c.taken || len(s.Witnesses) != c.witnesses || err != nil && !errors.Is(err, ErrNote) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	for i := range good {
		flipped := bytes.Clone(good)
		flipped[i] ^= 1
		if s, err := newTrust(t, 0).Open(flipped); err == nil && (s.Size != 7 || s.Root != theRoot || s.Origin != origin) {
			t.Errorf("byte %d flipped: %+v", i, s)
		}
	}
}

// A key of the log under another name signs another log.
func TestKeyIsBoundToItsLog(t *testing.T) {
	other, err := NewKey("elsewhere.example/log/00", bytes.Repeat([]byte{1}, SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	foreign := must(other.Sign(7, theRoot))
	if _, err := newTrust(t, 0).Open(foreign); !errors.Is(err, ErrNote) {
		t.Errorf("another log's checkpoint: %v", err)
	}
	// Signed by the log's own key, over a text that names another log.
	text := Checkpoint{"elsewhere.example/log/00", 7, theRoot}.Text()
	mixed := must(note.Sign(&note.Note{Text: text}, signer{newKey(t, 1)}))
	if _, err := newTrust(t, 0).Open(mixed); !errors.Is(err, ErrNote) {
		t.Errorf("a text that names another log: %v", err)
	}
}

func TestQuorum(t *testing.T) {
	good := sign(t, newKey(t, 1))
	for _, c := range []struct {
		quorum, witnesses int
		want              bool
	}{{0, 0, false}, {0, 2, false}, {1, 0, false}, {1, 1, true}, {2, 1, false}, {2, 2, true}} {
		signed := good
		for _, w := range []witness{one, two}[:c.witnesses] {
			signed = must(newTrust(t, c.quorum).Add(signed, w.line(good, 5)))
		}
		if s := must(newTrust(t, c.quorum).Open(signed)); s.Witnessed != c.want || len(s.Witnesses) != c.witnesses {
			t.Errorf("%d of %d: %+v", c.witnesses, c.quorum, s)
		}
	}
}

func TestAddTakesOnlyGoodLinesOfKnownWitnesses(t *testing.T) {
	good := sign(t, newKey(t, 1))
	trust := newTrust(t, 1)
	stranger := newWitness("stranger.example", 9).line(good, 5)
	with, err := trust.Add(good, slices.Concat(stranger, one.line(good, 5)))
	if err != nil || bytes.Contains(with, []byte("stranger")) || !must(trust.Open(with)).Known(one.vkey()) {
		t.Errorf("%s, %v", with, err)
	}
	for name, lines := range map[string][]byte{
		"nothing": nil, "a stranger": stranger, "garbage": []byte("<html>"), "another witness's name": bytes.Replace(two.line(good, 5), []byte("two"), []byte("one"), 1),
		"a line of one who is there": one.line(good, 6), "an endless answer": bytes.Repeat(stranger, 1000), "a second note": slices.Concat([]byte("\n"), one.line(good, 5)),
		"another checkpoint before it": slices.Concat([]byte("x\n1\n"+root+"\n\n"), one.line(good, 5)),
	} {
		if got, err := trust.Add(with, lines); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestTrustIsRefused(t *testing.T) {
	log := newKey(t, 1).Verifier()
	again := witness{"witness.example/again", one.private}
	for name, c := range map[string]struct {
		log       string
		witnesses []string
		quorum    int
	}{
		"no key":                             {"", nil, 0},
		"a witness for a log":                {one.vkey(), nil, 0},
		"a log for a witness":                {log, []string{exampleKey}, 1},
		"more witnesses needed than known":   {log, []string{one.vkey()}, 2},
		"fewer than none":                    {log, nil, -1},
		"one witness under two names":        {log, []string{one.vkey(), again.vkey()}, 2},
		"one name for two witnesses":         {log, []string{one.vkey(), newWitness(one.name, 9).vkey()}, 2},
		"a key of another name":              {log, []string{strings.Replace(one.vkey(), "one", "two", 1)}, 0},
		"a witness without a name":           {log, []string{newWitness("", 9).vkey()}, 0},
		"a witness with a space in its name": {log, []string{newWitness("a b", 9).vkey()}, 0},
		"half a key":                         {log, []string{one.vkey()[:40]}, 0},
	} {
		if _, err := NewTrust(c.log, c.witnesses, c.quorum); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestProof(t *testing.T) {
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, _ error) {
		for _, i := range indexes {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	for i := range int64(7) {
		hashes = append(hashes, must(tlog.StoredHashes(i, fmt.Append(nil, i), read))...)
	}
	k := newKey(t, 1)
	signed := must(k.Sign(7, must(tlog.TreeHash(7, read))))
	for i := range uint64(7) {
		p := Proof{Index: i, Hashes: must(tlog.ProveRecord(7, int64(i), read)), Note: signed}
		again, err := ParseProof(p.Text())
		if err != nil || again.Text() != p.Text() {
			t.Fatalf("%q: %v", p.Text(), err)
		}
		if s, err := again.Verify(newTrust(t, 0), tlog.RecordHash(fmt.Append(nil, i))); err != nil || s.Size != 7 {
			t.Errorf("entry %d: %v", i, err)
		}
		for j := range uint64(9) {
			again.Index = j
			if _, err := again.Verify(newTrust(t, 0), tlog.RecordHash(fmt.Append(nil, i))); (err == nil) != (i == j) {
				t.Errorf("entry %d at %d: %v", i, j, err)
			}
		}
	}
	text := Proof{Index: 3, Hashes: must(tlog.ProveRecord(7, 3, read)), Note: signed}.Text()
	if p, err := ParseProof(strings.Replace(text, "index", "extra AAAA\nindex", 1)); err != nil || p.Index != 3 {
		t.Errorf("with extra data: %v", err)
	}
	for _, bad := range []string{
		"", text[1:], strings.Replace(text, "index 3", "index 03", 1), strings.Replace(text, "index 3", "index", 1), strings.Replace(text, "index 3\n", "", 1),
		strings.Replace(text, "\n\n", "\n", 2), strings.Replace(text, "@v1", "@v2", 1), strings.Replace(text, "=\n", "\n", 1), strings.Replace(text, "index 3", "extra A\nextra B\nindex 3", 1),
		strings.Replace(text, "index 3\n", "index 3\n"+strings.Repeat(root+"\n", 61), 1), text + strings.Repeat("x", MaxNote),
	} {
		if p, err := ParseProof(bad); !errors.Is(err, ErrProof) {
			t.Errorf("%q is %+v, %v", bad, p, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	good := sign(f, newKey(f, 1))
	f.Add(good)
	f.Add(slices.Concat(good, one.line(good, 5)))
	f.Add([]byte(exampleNote))
	f.Fuzz(func(t *testing.T, signed []byte) {
		s, err := newTrust(t, 1).Open(signed)
		if err == nil && (s.Origin != origin || s.Size != 7 || s.Root != theRoot) {
			t.Errorf("%q passes for a checkpoint of the log", signed)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("a\n7\n" + root + "\n")
	f.Add("a\n0\n" + root + "\nextension\n")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := Parse(text); err == nil && !strings.HasPrefix(text, c.Text()) {
			t.Errorf("%q is read as %+v", text, c)
		}
	})
}

func FuzzParseProof(f *testing.F) {
	f.Add(Proof{Index: 3, Hashes: []tlog.Hash{{1}}, Note: []byte("note\n")}.Text())
	f.Add(proofHeader + "extra AA==\nindex 0\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProof(text)
		if err == nil && !strings.Contains(text, "\nextra ") && p.Text() != text {
			t.Errorf("%q is read as %q", text, p.Text())
		}
	})
}
