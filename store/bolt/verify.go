package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store"
)

var (
	errUnlisted = errors.New("the list of what ends doesn't have it")
	errNotThere = errors.New("the list of what ends has a record that isn't there, or ends at another time")
	errIndex    = errors.New("the two tables of people don't agree")
)

// Verify looks at every page and every record of the file at path, which nobody may be writing to, and
// changes nothing. What is wrong goes to report, each with the page or table and key; the error says why
// the file could not be looked at any further.
func Verify(path string, report func(error)) error {
	s, err := Open(Config{Path: path, ReadOnly: true})
	if err != nil {
		return err
	}
	defer s.Close()
	if !walkPages(s.file.os, s.file.db.Info().PageSize, report) {
		return nil // whoever follows such pages is lost
	}
	tx, err := begin(s.file, false)
	if err != nil {
		return s.explain(err)
	}
	defer rollback(tx)
	for err := range tx.Check() {
		report(fmt.Errorf("%w: %w", store.ErrCorrupt, err))
	}
	v := &verifier{reader: reader{tx: tx}, report: report}
	v.tables()
	for _, t := range tables {
		v.table(t)
	}
	return nil
}

// verifier looks at the records. It goes on after what is wrong.
type verifier struct {
	reader
	report func(error)
}

// tables reports what isn't of this schema.
func (v *verifier) tables() {
	known := make(map[string]bool)
	for _, t := range tables {
		known[t.name] = true
	}
	var err error
	defer trap(&err)()
	err = v.tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		if !known[string(name)] {
			v.report(fmt.Errorf("%w: there is a table %.64q that this version doesn't know", store.ErrCorrupt, name))
		}
		return nil
	})
	if err != nil {
		v.report(err)
	}
}

func (v *verifier) table(t table) {
	b, err := v.bucket(t)
	if err != nil {
		v.report(err)
		return
	}
	next := b.Cursor()
	for key, value := next.First(); key != nil; key, value = next.Next() {
		if t.name == tableMeta.name && bytes.Equal(key, keySchema) {
			continue // read when the file was opened
		}
		payload, err := unframe(t, key, value)
		if err == nil {
			err = v.record(t, key, payload)
		}
		if err != nil {
			v.report(err)
		}
	}
	if t.name == tableEntry.name {
		if err := v.Entries(0, func(uint64, []byte) bool { return true }); err != nil {
			v.report(err)
		}
	}
}

// record says what is wrong with a record whose frame is good.
func (v *verifier) record(t table, key, payload []byte) error {
	switch t.name {
	case tableMeta.name:
		return decode(t, key, payload, new(store.Meta))
	case tablePolicy.name:
		return decode(t, key, payload, new(store.Policy))
	case tableKey.name:
		return decode(t, key, payload, new(store.Key))
	case tableCredential.name:
		return decode(t, key, payload, new(store.Credential))
	case tablePerson.name, tablePersonByID.name:
		return v.person(t, key, payload)
	case tableExpiry.name:
		return v.listed(key)
	case tableOpaque.name, tableUses.name, tableUseSeen.name, tableRevocation.name:
		return v.ends(t, key, payload)
	}
	return nil
}

// person holds a record against its other copy.
func (v *verifier) person(t table, key, payload []byte) error {
	p, err := decodePerson(t, key, payload)
	if err != nil {
		return err
	}
	own, other, at := p.Lookup[:], tablePersonByID, p.ID[:]
	if t.name == tablePersonByID.name {
		own, other, at = p.ID[:], tablePerson, p.Lookup[:]
	}
	if copied, err := v.get(other, at); err != nil || !bytes.Equal(copied, payload) || !bytes.Equal(own, key) {
		return corrupt(t, key, errIndex)
	}
	return nil
}

// ends holds a record that ends against the list of those.
func (v *verifier) ends(t table, key, payload []byte) error {
	expires, rest, err := cutInstant(t, key, payload)
	if err != nil {
		return err
	}
	switch {
	case t.name == tableRevocation.name:
		var r store.Revocation
		if err := decode(t, key, rest, &r); err != nil {
			return err
		}
		if len(key) != 8 || r.Seq != binary.BigEndian.Uint64(key) {
			return corrupt(t, key, errNewest)
		}
	case t.name == tableUses.name && len(rest) != 4:
		return corrupt(t, key, errShort)
	}
	if expires.IsZero() {
		return nil
	}
	for letter, of := range expiring {
		if of.name != t.name {
			continue
		}
		if _, err := v.get(tableExpiry, expiryKey(letter, key, expires)); err != nil {
			return corrupt(t, key, errUnlisted)
		}
	}
	return nil
}

// listed holds a row of the list of what ends against its record.
func (v *verifier) listed(key []byte) error {
	expires, rest, err := cutInstant(tableExpiry, key, key)
	if err != nil {
		return err
	}
	if len(rest) < 2 || expiring[rest[0]].name == "" {
		return corrupt(tableExpiry, key, errNoSuchTable)
	}
	payload, err := v.get(expiring[rest[0]], rest[1:])
	if err != nil {
		return corrupt(tableExpiry, key, errNotThere)
	}
	if at, _, err := cutInstant(tableExpiry, key, payload); err != nil || !at.Equal(expires) {
		return corrupt(tableExpiry, key, errNotThere)
	}
	return nil
}
