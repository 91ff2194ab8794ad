package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func trustIn(t *testing.T, k *Key) *Trust {
	t.Helper()
	return must(NewTrust(k.Verifier(), nil, 0))
}

func TestEitherKeyLeadsToTheOther(t *testing.T) {
	a, b, c := newKey(t, 1), newKey(t, 2), newKey(t, 3)
	handovers := [][]byte{must(b.HandOver(c, 9, theRoot)), must(a.HandOver(b, 7, theRoot))}
	handovers = SplitHandovers(JoinHandovers(handovers))
	if len(handovers) != 2 || SplitHandovers(nil) != nil {
		t.Fatalf("joined and split: %q", handovers)
	}
	for name, k := range map[string]*Key{"the oldest": a, "the one between": b, "the newest": c} {
		trust, followed, err := trustIn(t, k).Follow(handovers)
		if err != nil || len(followed) != 2 {
			t.Fatalf("%s: %v, %v", name, followed, err)
		}
		for _, try := range []struct {
			by   *Key
			size uint64
			good bool
		}{{a, 3, true}, {a, 7, true}, {a, 8, false}, {b, 3, true}, {b, 9, true}, {b, 10, false}, {c, 10, true}, {c, 1 << 40, true}, {newKey(t, 4), 3, false}} {
			if _, err := trust.Open(must(try.by.Sign(try.size, theRoot))); (err == nil) != try.good {
				t.Errorf("%s trusts key %.30q up to %d: %v", name, try.by.Verifier()[len(origin):], try.size, err)
			}
		}
		for _, h := range handovers {
			if _, err := trust.Open(h); err != nil {
				t.Errorf("%s doesn't take a handover for a checkpoint: %v", name, err)
			}
		}
	}
	if _, err := trustIn(t, a).Open(must(b.Sign(8, theRoot))); err == nil {
		t.Error("trust leads further than it was followed")
	}
}

func TestNobodyTakesOverAlone(t *testing.T) {
	a, b := newKey(t, 1), newKey(t, 2)
	other := must(NewKey("elsewhere.example/log/00", bytes.Repeat([]byte{2}, SeedSize)))
	good := must(a.HandOver(b, 7, theRoot))
	text, _, _ := bytes.Cut(good, []byte("\n\n"))
	signedBy := func(keys ...*Key) []byte {
		var signers []note.Signer
		for _, k := range keys {
			signers = append(signers, signer{k})
		}
		return must(note.Sign(&note.Note{Text: string(text) + "\n"}, signers...))
	}
	for name, h := range map[string][]byte{
		"by the new key alone": signedBy(b), "by the old key alone": signedBy(a), "by a stranger": signedBy(newKey(t, 3)),
		"a checkpoint of both": must(note.Sign(&note.Note{Text: Checkpoint{origin, 7, theRoot}.Text()}, signer{a}, signer{b})),
		"another size":         bytes.Replace(good, []byte("\n7\n"), []byte("\n8\n"), 1),
		"to itself":            must(a.HandOver(a, 7, theRoot)), "nothing": nil, "garbage": []byte("x\n\n"),
		"between others": must(newKey(t, 3).HandOver(newKey(t, 4), 7, theRoot)),
	} {
		trust, followed, err := trustIn(t, a).Follow([][]byte{h})
		if err != nil || len(followed) > 0 {
			t.Errorf("%s: followed %v, %v", name, followed, err)
			continue
		}
		if _, err := trust.Open(must(b.Sign(8, theRoot))); err == nil {
			t.Errorf("%s: the key is trusted", name)
		}
	}
	if _, err := a.HandOver(other, 7, theRoot); err == nil {
		t.Error("a key of another log takes over")
	}
	twice := [][]byte{good, must(a.HandOver(newKey(t, 3), 7, theRoot))}
	if _, _, err := trustIn(t, a).Follow(twice); !errors.Is(err, ErrNote) {
		t.Errorf("two successors: %v", err)
	}
	if _, followed, err := trustIn(t, b).Follow(slices.Concat([][]byte{good}, [][]byte{good[:40]})); err != nil || len(followed) != 1 {
		t.Errorf("beside a damaged one: %v, %v", followed, err)
	}
}

func FuzzFollow(f *testing.F) {
	k, next := newKey(f, 1), newKey(f, 2)
	f.Add(JoinHandovers([][]byte{must(k.HandOver(next, 7, theRoot))}))
	f.Fuzz(func(t *testing.T, joined []byte) {
		trust, _, err := trustIn(t, k).Follow(SplitHandovers(joined))
		if err != nil {
			return
		}
		if _, err := trust.Open(must(newKey(t, 9).Sign(8, theRoot))); err == nil {
			t.Errorf("%q leads to a stranger", joined)
		}
	})
}

// Whoever has a key of the same 32-bit id as the log's, which some 2^32 tries make, doesn't speak for the log. Here both are
// ours, so that 2^16 do.
func TestAKeyOfTheSameIDIsAnotherKey(t *testing.T) {
	known := make(map[uint32][]byte)
	made := func(seed []byte) *Key {
		k, err := NewKey(origin, seed)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	var log, fake *Key
	for n := uint64(0); log == nil; n++ {
		seed := binary.BigEndian.AppendUint64(make([]byte, SeedSize-8), n)
		k := made(seed)
		if other, found := known[k.id]; found {
			log, fake = made(other), k
		}
		known[k.id] = seed
	}
	trust, err := NewTrust(log.Verifier(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	stranger := made([]byte("a key that the log never heard of")[:SeedSize])
	handover, err := fake.HandOver(stranger, 0, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	next, followed, err := trust.Follow([][]byte{handover})
	if err != nil || len(followed) != 0 {
		t.Fatalf("%d handovers were followed, %v", len(followed), err)
	}
	forged, err := stranger.Sign(5, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next.Open(forged); err == nil {
		t.Error("a stranger's checkpoint was taken for the log's")
	}
	genuine, err := log.Sign(5, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next.Open(genuine); err != nil {
		t.Error("the log's own was refused:", err)
	}
}
