package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// The names that the suite writes under. The contract has no way to list some of the tables.
var (
	epoch       = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	keyIDs      = []string{"k1", "k2", "k2\x00/é"}
	secretNames = []string{"pepper", "seed"}
	useIDs      = []string{"", "a", "a\x00", "é"}
)

const numbered = 4 // opaque tokens, counted tokens and people each have so many

func hash(n int) [32]byte { return sha256.Sum256([]byte{byte(n)}) }
func token(n int) [16]byte {
	h := hash(n)
	return [16]byte(h[:16])
}
func person(n int) [16]byte {
	h := hash(n + 100)
	return [16]byte(h[:16])
}

// setRoot sets the true root of the entries so far (RFC 6962 section 2.1), which a decorator may hold a store to.
func setRoot(tx store.Tx) error {
	var leaves [][32]byte
	err := tx.Entries(0, func(_ uint64, entry []byte) bool {
		leaves = append(leaves, sha256.Sum256(append([]byte{0}, entry...)))
		return true
	})
	if err != nil {
		return err
	}
	return tx.SetRoot(rootOf(leaves))
}

func rootOf(leaves [][32]byte) [32]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	half := 1 << (bits.Len(uint(len(leaves)-1)) - 1) // the largest power of two below
	left, right := rootOf(leaves[:half]), rootOf(leaves[half:])
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

// state is all that the store holds under the suite's names, as text: two stores with equal states
// can't be told apart.
func state(r store.Reader) (string, error) {
	var d dump
	m, err := r.Meta()
	d.line(err, "generation %x policy %d rev %d size %d tiles %d root %x of %d time %s", m.Generation, m.Policy, m.Rev, m.Size, m.Tiles, m.Root, m.Treed, at(m.Time))
	for v := uint64(0); v <= m.Policy+1; v++ {
		p, err := r.Policy(v)
		d.line(err, "policy %d %q %s %q %q", p.Version, p.YAML, at(p.Applied), p.By, p.Note)
	}
	d.lists(r)
	for _, name := range secretNames {
		value, err := r.Secret(name)
		d.line(err, "secret %s %x", name, value)
	}
	for n := range numbered {
		d.number(r, n)
	}
	d.people(r)
	d.line(r.Revocations(0, func(rev store.Revocation) bool {
		d.line(nil, "revocation %d %q %q %t %s %s %q %q", rev.Seq, rev.Kind, rev.Selector, rev.Block, at(rev.At), at(rev.Expires), rev.By, rev.Reason)
		return true
	}), "revocations end")
	d.line(r.Entries(0, func(index uint64, entry []byte) bool {
		d.line(nil, "entry %d %x", index, sha256.Sum256(entry))
		return true
	}), "entries end")
	for i := uint64(0); i <= m.Tiles; i++ {
		tile, err := r.Tile(i)
		d.line(err, "tile %d %x", i, sha256.Sum256(tile))
	}
	for _, witnessed := range []bool{false, true} {
		c, err := r.Checkpoint(witnessed)
		d.line(err, "checkpoint %t %d %x %q", c.Witnessed, c.Size, c.Root, c.Note)
	}
	return strings.Join(d.lines, "\n"), d.err
}

func stateOf(t testing.TB, s store.Store) (text string) {
	t.Helper()
	view(t, s, func(r store.Reader) (err error) {
		text, err = state(r)
		return err
	})
	return text
}

type dump struct {
	lines []string
	err   error
}

func (d *dump) line(err error, format string, values ...any) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		d.lines = append(d.lines, "not found: "+fmt.Sprintf(format, values...))
	case err != nil:
		d.err = errors.Join(d.err, err)
	default:
		d.lines = append(d.lines, fmt.Sprintf(format, values...))
	}
}

// lists adds what comes in no order.
func (d *dump) lists(r store.Reader) {
	var lines []string
	keys, err := r.Keys()
	d.line(err, "%d keys", len(keys))
	for _, k := range keys {
		lines = append(lines, fmt.Sprintf("key %q %q %x %x %s %s %s %s %t", k.ID, k.Alg, k.Private, k.Evidence, at(k.Created), at(k.Active), at(k.Retired), at(k.Expires), k.Revoked))
	}
	credentials, err := r.Credentials()
	d.line(err, "%d credentials", len(credentials))
	for _, c := range credentials {
		lines = append(lines, fmt.Sprintf("credential %q %q %q %x %s %s %t %s", c.Client, c.ID, c.Kind, c.Verifier, at(c.Created), at(c.Expires), c.Disabled, at(c.LastUsed)))
	}
	names, err := r.SecretNames()
	d.line(err, "%d secrets", len(names))
	for _, name := range names {
		lines = append(lines, fmt.Sprintf("a secret is called %s", name))
	}
	slices.Sort(lines)
	d.lines = append(d.lines, lines...)
}

// people adds all people, and all but the first: a list that goes on where another ended.
func (d *dump) people(r store.Reader) {
	var lookups [][32]byte
	d.line(r.People([32]byte{}, func(p store.Person) bool {
		lookups = append(lookups, p.Lookup)
		d.line(nil, "listed person %x %x %x %s", p.Lookup, p.ID, p.Key, at(p.Since))
		return true
	}), "people end")
	if len(lookups) == 0 {
		return
	}
	d.line(r.People(lookups[0], func(p store.Person) bool {
		d.line(nil, "next is %x", p.Lookup)
		return false
	}), "that was the next person")
}

// number adds what is known by the number n.
func (d *dump) number(r store.Reader, n int) {
	o, err := r.Opaque(hash(n))
	d.line(err, "opaque %d %x %x %s", n, o.Hash, o.Claims, at(o.Expires))
	u, err := r.Uses(token(n))
	d.line(err, "uses %d %x %d %s", n, u.Token, u.Left, at(u.Expires))
	for _, id := range useIDs {
		seen, err := r.UseSeen(token(n), id)
		d.line(err, "use %d %q seen %t", n, id, seen)
	}
	p, err := r.Person(hash(n))
	d.line(err, "person %d %x %x %x %s", n, p.Lookup, p.ID, p.Key, at(p.Since))
	p, err = r.PersonByID(person(n))
	d.line(err, "person by id %d %x %x %x %s", n, p.Lookup, p.ID, p.Key, at(p.Since))
}

// at writes a time as the instant that it is.
func at(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339Nano)
}
