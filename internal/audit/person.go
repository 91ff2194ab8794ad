package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/store"
)

// Role is what a person is to the event.
type Role string

// The roles.
const (
	RoleSubject  Role = "subject"  // whom the token speaks for, at its root
	RoleActor    Role = "actor"    // who acted by an actor token, or before in an outside token
	RoleSelector Role = "selector" // whom a revocation by subject names
)

// Person is one principal whom an entry names. A client that is its own principal is sealed like
// any other.
type Person struct {
	Key      string     `json:"key"` // the pseudonym: which key seals the rest; set by Prepare
	Role     Role       `json:"role"`
	Sealed   string     `json:"sealed"` // set by Prepare
	Personal `json:"-"` // what is sealed; empty if Erased or not opened
	Erased   bool       `json:"-"` // the key is gone, and so is what it sealed; set by reading
}

// Personal is what an entry says of one person.
type Personal struct {
	Issuer     string         `json:"issuer,omitzero"` // the policy's name for it; empty for a client
	Subject    string         `json:"subject"`
	Groups     []string       `json:"groups,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"` // values are what CEL knows
	Bindings   []string       `json:"bindings,omitempty"`   // names of the bindings that gave the roles
	Label      string         `json:"label,omitzero"`       // the caller's own name for the task
	Reason     string         `json:"reason,omitzero"`      // why the person's tokens were revoked, in free words
	Detail     string         `json:"detail,omitzero"`      // the event's, moved here by Prepare and back by reading
}

func (p *Person) who() who { return who{p.Issuer, p.Subject} }

// sealer is the key record that a person of one entry is sealed under.
type sealer struct {
	record store.Person
	stored bool // it was durable once; if it is gone, it was erased
}

// entryKey derives the key for what one entry says of the person. No number of entries wears out the
// person's own key, and a single entry can be opened for somebody without giving away the rest. It is the
// first block of HKDF-Expand (RFC 5869 section 2.3), which is all of it for a key of this size; crypto/hkdf
// costs twice as much.
func entryKey(record store.Person, decision string) (*seal.Key, error) {
	var room [64]byte
	key := authenticate(record.Key, append(append(append(room[:0], "whittle audit entry "...), decision...), 1))
	return seal.NewKey(key[:])
}

// authenticate is HMAC-SHA256 (RFC 2104 section 2) under a key of at most a block. crypto/hmac makes six objects of 500
// bytes for it each time, of which a page of a search would leave 50 kB to the garbage collector, and takes half as long again.
func authenticate(key, text []byte) [sha256.Size]byte {
	var inner, outer [sha256.BlockSize]byte
	copy(inner[:], key)
	copy(outer[:], key)
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	var room [128]byte
	sum := sha256.Sum256(append(append(room[:0], inner[:]...), text...))
	return sha256.Sum256(append(append(room[:0], outer[:]...), sum[:]...))
}

// associated is what a sealed text is bound to: the entry, the role and the place among its people.
func associated(decision string, role Role, place int) []byte {
	return []byte(decision + "\x00" + string(role) + "\x00" + strconv.Itoa(place))
}

// seal seals the person, who stands at place in the entry, under the record's key.
func (p *Person) seal(record store.Person, decision string, place int) error {
	text, err := encodePersonal(&p.Personal)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvent, err)
	}
	key, err := entryKey(record, decision)
	if err != nil {
		return fmt.Errorf("seal a person: %w", err)
	}
	box := key.Seal(text, associated(decision, p.Role, place))
	p.Key, p.Sealed = toText(record.ID[:]), toText(box)
	return nil
}

// open is the reverse of seal.
func (p *Person) open(record store.Person, decision string, place int) error {
	box, err := fromText(p.Sealed)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEntry, err)
	}
	key, err := entryKey(record, decision)
	if err != nil {
		return fmt.Errorf("open a person: %w", err)
	}
	text, err := key.Open(box, associated(decision, p.Role, place))
	if err != nil {
		return fmt.Errorf("%w: person %d was changed, or sealed under another key: %w", ErrEntry, place, err)
	}
	if err := decodePersonal(text, &p.Personal); err != nil {
		return fmt.Errorf("%w: person %d: %w", ErrEntry, place, err)
	}
	return nil
}

// keyID is the pseudonym as the store knows it.
func (p *Person) keyID() (id [16]byte, err error) {
	b, err := fromText(p.Key)
	if err != nil || len(b) != len(id) {
		return id, errors.New("malformed key id")
	}
	return [16]byte(b), nil
}

// checkNamed says why the person can't be sealed, if it can't.
func (p *Person) checkNamed() error {
	if p.Role == "" || p.Subject == "" {
		return errors.New("a person without a role or a subject")
	}
	return nil
}

// checkSealed says why the person can't have been sealed.
func (p *Person) checkSealed() error {
	if p.Role == "" {
		return errors.New("a person without a role")
	}
	if _, err := p.keyID(); err != nil {
		return err
	}
	_, err := fromText(p.Sealed)
	return err
}
