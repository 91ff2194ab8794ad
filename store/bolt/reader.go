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
	errEnded   = errors.New("bolt: used after its function returned")
	errNoTable = errors.New("table is missing")
	errGap     = errors.New("numbers are not consecutive")
)

// reader is a store.Reader on one bbolt transaction. All that it reads goes through get and scan.
type reader struct {
	tx      *bbolt.Tx                // nil when the function that it was given to has returned
	buckets map[string]*bbolt.Bucket // by table, since bbolt looks for one anew each time; nil: it remembers them itself
}

var _ store.Reader = (*reader)(nil)

func (r *reader) bucket(t table) (*bbolt.Bucket, error) {
	if r.tx == nil {
		return nil, errEnded
	}
	if b := r.buckets[t.name]; b != nil {
		return b, nil
	}
	b := r.tx.Bucket([]byte(t.name))
	if b == nil {
		return nil, corrupt(t, nil, errNoTable)
	}
	if t.grows {
		b.FillPercent = 1
	}
	if r.buckets != nil {
		r.buckets[t.name] = b
	}
	return b, nil
}

// get returns what is under the key, or store.ErrNotFound. It is good only until the transaction ends.
func (r *reader) get(t table, key []byte) (payload []byte, err error) {
	defer trap(&err)()
	b, err := r.bucket(t)
	if err != nil {
		return nil, err
	}
	value := b.Get(key)
	if value == nil {
		return nil, fmt.Errorf("%s: %w", t.name, store.ErrNotFound)
	}
	return unframe(t, key, value)
}

// scan calls fn with the records from the key on, in order of their keys, until fn returns false.
func (r *reader) scan(t table, from []byte, fn func(key, payload []byte) (bool, error)) error {
	b, err := r.bucket(t)
	if err != nil {
		return err
	}
	c := b.Cursor()
	key, payload, err := move(t, func() ([]byte, []byte) { return c.Seek(from) })
	for err == nil && key != nil {
		more, err := fn(key, payload)
		if err != nil || !more {
			return err
		}
		if key, payload, err = move(t, c.Next); err != nil {
			return err
		}
	}
	return err
}

// move moves a cursor. Only that is trapped: what fn does is its own.
func move(t table, step func() ([]byte, []byte)) (key, payload []byte, err error) {
	defer trap(&err)()
	key, value := step()
	if key == nil {
		return nil, nil, nil
	}
	payload, err = unframe(t, key, value)
	return key, payload, err
}

// load reads one JSON record.
func (r *reader) load(t table, key []byte, record any) error {
	payload, err := r.get(t, key)
	if err != nil {
		return err
	}
	return decode(t, key, payload, record)
}

func (r *reader) Meta() (m store.Meta, err error) {
	err = r.load(tableMeta, keyMeta, &m)
	if errors.Is(err, store.ErrNotFound) {
		err = corrupt(tableMeta, keyMeta, errNoTable)
	}
	return m, err
}

func (r *reader) Policy(version uint64) (p store.Policy, err error) {
	err = r.load(tablePolicy, number(version), &p)
	return p, err
}

func (r *reader) Keys() (keys []store.Key, err error) {
	err = r.scan(tableKey, nil, func(key, payload []byte) (bool, error) {
		var k store.Key
		err := decode(tableKey, key, payload, &k)
		keys = append(keys, k)
		return true, err
	})
	return keys, err
}

func (r *reader) Secret(name string) ([]byte, error) {
	payload, err := r.get(tableSecret, []byte(name))
	return bytes.Clone(payload), err
}

func (r *reader) SecretNames() (names []string, err error) {
	err = r.scan(tableSecret, nil, func(key, _ []byte) (bool, error) {
		names = append(names, string(key))
		return true, nil
	})
	return names, err
}

func (r *reader) Credentials() (credentials []store.Credential, err error) {
	err = r.scan(tableCredential, nil, func(key, payload []byte) (bool, error) {
		var c store.Credential
		err := decode(tableCredential, key, payload, &c)
		credentials = append(credentials, c)
		return true, err
	})
	return credentials, err
}

func (r *reader) Opaque(hash [32]byte) (store.Opaque, error) {
	payload, err := r.get(tableOpaque, hash[:])
	if err != nil {
		return store.Opaque{}, err
	}
	expires, claims, err := cutInstant(tableOpaque, hash[:], payload)
	return store.Opaque{Hash: hash, Claims: claims, Expires: expires}, err
}

func (r *reader) Uses(token [16]byte) (store.Uses, error) {
	payload, err := r.get(tableUses, token[:])
	if err != nil {
		return store.Uses{}, err
	}
	expires, left, err := cutInstant(tableUses, token[:], payload)
	if err == nil && len(left) != 4 {
		err = corrupt(tableUses, token[:], errShort)
	}
	if err != nil {
		return store.Uses{}, err
	}
	return store.Uses{Token: token, Left: binary.BigEndian.Uint32(left), Expires: expires}, nil
}

func (r *reader) UseSeen(token [16]byte, useID string) (bool, error) {
	_, err := r.get(tableUseSeen, useKey(token, useID))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (r *reader) Revocations(after uint64, fn func(store.Revocation) bool) error {
	if after+1 == 0 {
		return nil
	}
	return r.scan(tableRevocation, number(after+1), func(key, payload []byte) (bool, error) {
		_, text, err := cutInstant(tableRevocation, key, payload)
		if err != nil {
			return false, err
		}
		var rev store.Revocation
		if err := decode(tableRevocation, key, text, &rev); err != nil {
			return false, err
		}
		return fn(rev), nil
	})
}

func (r *reader) Person(lookup [32]byte) (store.Person, error) {
	return r.person(tablePerson, lookup[:])
}

func (r *reader) PersonByID(id [16]byte) (store.Person, error) {
	return r.person(tablePersonByID, id[:])
}

func (r *reader) person(t table, key []byte) (store.Person, error) {
	payload, err := r.get(t, key)
	if err != nil {
		return store.Person{}, err
	}
	return decodePerson(t, key, payload)
}

func (r *reader) People(after [32]byte, fn func(store.Person) bool) error {
	return r.scan(tablePerson, after[:], func(key, payload []byte) (bool, error) {
		if bytes.Equal(key, after[:]) {
			return true, nil
		}
		p, err := decodePerson(tablePerson, key, payload)
		return err == nil && fn(p), err
	})
}

func (r *reader) Entries(from uint64, fn func(index uint64, entry []byte) bool) error {
	return r.entries(from, r.Meta, fn)
}

func (r *reader) Tile(index uint64) ([]byte, error) {
	tile, err := r.get(tableTile, number(index))
	return bytes.Clone(tile), err
}

func (r *reader) Checkpoint(witnessed bool) (c store.Checkpoint, err error) {
	err = r.load(tableCheckpoint, checkpointKey(witnessed), &c)
	return c, err
}

func checkpointKey(witnessed bool) []byte {
	if witnessed {
		return []byte("witnessed")
	}
	return []byte("signed")
}

// entries calls fn with the entries from there on. They end where Meta says, not where a damaged page does.
func (r *reader) entries(from uint64, meta func() (store.Meta, error), fn func(uint64, []byte) bool) error {
	index, stopped := from, false
	err := r.scan(tableEntry, number(from), func(key, payload []byte) (bool, error) {
		if !bytes.Equal(key, number(index)) {
			return false, corrupt(tableEntry, key, errGap)
		}
		stopped = !fn(index, payload)
		index++
		return !stopped, nil
	})
	if err != nil || stopped {
		return err
	}
	m, err := meta()
	if err == nil && index < m.Size {
		err = corrupt(tableEntry, number(index), errGap)
	}
	return err
}
