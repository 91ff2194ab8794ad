package sealed

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/store"
)

// ringName is the one secret that isn't sealed by a data key: it holds the data keys, wrapped.
const ringName = "seal.data-keys"

// ErrKEK says that the data keys were wrapped under another key-encryption key.
var ErrKEK = errors.New("the database was sealed under another key-encryption key")

var errHidden = errors.New("sealed: this name is the seal's own")

// wrappedRing is how the data keys stand in the store. While a rotation goes on there are two of them.
type wrappedRing struct {
	Format int          `json:"format"` // 1
	KEK    string       `json:"kek"`    // the ID of what wrapped them
	Keys   []wrappedKey `json:"keys"`   // the last one seals
}

type wrappedKey struct {
	ID      uint32 `json:"id"`
	Wrapped []byte `json:"wrapped"`
}

// ring is the data keys, unwrapped. It is never changed. One that was rotated out stays in memory until the
// process ends, since a View may still read a state of before.
type ring struct {
	kek     string // the ID of what wraps them
	current uint32 // seals
	keys    map[uint32]dataKey
	aging   bool // values are left that an older one sealed
}

type dataKey struct {
	secret []byte
	aead   *seal.Key
}

// idSize is the bytes of a data key's ID, which stand before each sealed value.
const idSize = 4

func (r *ring) seal(text, associated []byte) []byte {
	sealed := r.keys[r.current].aead.Seal(text, associated)
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, idSize+len(sealed)), r.current), sealed...)
}

func (r *ring) open(sealed, associated []byte) ([]byte, error) {
	key, known := r.keys[keyID(sealed)]
	if !known || len(sealed) < idSize {
		return nil, seal.ErrOpen
	}
	return key.aead.Open(sealed[idSize:], associated)
}

// keyID is the data key that a value was sealed under; 0, which none has, if it is too short to say.
func keyID(sealed []byte) uint32 {
	if len(sealed) < idSize {
		return 0
	}
	return binary.BigEndian.Uint32(sealed)
}

// aged says whether a value was sealed under a data key that is on its way out.
func (r *ring) aged(sealed []byte) bool { return keyID(sealed) != r.current }

// with is the ring with one more data key, which seals from now on.
func (r *ring) with(random io.Reader) (*ring, error) {
	secret := make([]byte, seal.KeySize)
	if _, err := io.ReadFull(random, secret); err != nil {
		return nil, fmt.Errorf("a data key: %w", err)
	}
	next := &ring{kek: r.kek, current: r.current + 1, keys: make(map[uint32]dataKey), aging: len(r.keys) > 0}
	maps.Copy(next.keys, r.keys)
	return next, next.add(next.current, secret)
}

func (r *ring) add(id uint32, secret []byte) error {
	aead, err := seal.NewKey(secret)
	if err != nil {
		return err
	}
	r.keys[id] = dataKey{secret, aead}
	return nil
}

// settled is the ring when nothing is left that an older data key sealed.
func (r *ring) settled() *ring { return &ring{kek: r.kek, current: r.current, keys: r.keys} }

func associatedOfKey(id uint32) []byte { return fmt.Appendf(nil, "whittle data key %d", id) }

// wrap is the ring as it stands in the store: without what nobody needs any more.
func (r *ring) wrap(ctx context.Context, kek seal.KEK) ([]byte, error) {
	out := wrappedRing{Format: 1, KEK: kek.ID()}
	for id := uint32(1); id <= r.current; id++ {
		key, there := r.keys[id]
		if !there || id < r.current && !r.aging {
			continue
		}
		wrapped, err := kek.Wrap(ctx, key.secret, associatedOfKey(id))
		if err != nil {
			return nil, fmt.Errorf("wrap a data key: %w", err)
		}
		out.Keys = append(out.Keys, wrappedKey{id, wrapped})
	}
	return json.Marshal(&out)
}

func unwrap(ctx context.Context, record []byte, kek seal.KEK) (*ring, error) {
	var in wrappedRing
	if err := json.Unmarshal(record, &in, json.RejectUnknownMembers(true)); err != nil || in.Format != 1 || len(in.Keys) == 0 {
		return nil, fmt.Errorf("%w: the data keys can't be read", store.ErrCorrupt)
	}
	if in.KEK != kek.ID() {
		return nil, fmt.Errorf("%w: it was %s, this is %s", ErrKEK, in.KEK, kek.ID())
	}
	r := &ring{kek: in.KEK, keys: make(map[uint32]dataKey)}
	for _, k := range in.Keys {
		secret, err := kek.Unwrap(ctx, k.Wrapped, associatedOfKey(k.ID))
		if err != nil {
			return nil, fmt.Errorf("%w: data key %d: %w", store.ErrCorrupt, k.ID, err)
		}
		if k.ID <= r.current {
			return nil, fmt.Errorf("%w: the data keys are out of order", store.ErrCorrupt)
		}
		r.aging = r.current > 0
		r.current = k.ID
		if err := r.add(k.ID, secret); err != nil {
			return nil, fmt.Errorf("%w: data key %d: %w", store.ErrCorrupt, k.ID, err)
		}
	}
	return r, nil
}
