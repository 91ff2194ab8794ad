package bolt

import (
	"bytes"
	"slices"

	"github.com/whittle-sts/whittle/store"
)

// personSize is the bytes of a person's record before the key.
const personSize = timeSize + 32 + 16

// encodePerson writes a person's record. It isn't JSON, since each entry of a page of the audit log has another
// person's: reading that by reflection, behind a look into a second table, cost more than anything else did for the entry.
func encodePerson(p *store.Person) []byte {
	return slices.Concat(instant(p.Since), p.Lookup[:], p.ID[:], p.Key)
}

// decodePerson reads what encodePerson wrote.
func decodePerson(t table, key, payload []byte) (store.Person, error) {
	since, rest, err := cutInstant(t, key, payload)
	if err == nil && len(payload) < personSize {
		err = corrupt(t, key, errShort)
	}
	if err != nil {
		return store.Person{}, err
	}
	return store.Person{Lookup: [32]byte(rest), ID: [16]byte(rest[32:]), Key: bytes.Clone(rest[48:]), Since: since}, nil
}
