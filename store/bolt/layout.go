package bolt

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store"
)

// One bucket for each kind of record. Numbers in keys are big-endian, so that they sort.
var (
	bucketMeta        = []byte("meta")
	bucketPolicies    = []byte("policies")    // version
	bucketKeys        = []byte("keys")        // kid
	bucketSecrets     = []byte("secrets")     // name
	bucketCredentials = []byte("credentials") // client, NUL, id
	bucketOpaque      = []byte("opaque")      // hash of the token
	bucketUses        = []byte("uses")        // token id
	bucketSeen        = []byte("seen")        // token id, use id
	bucketRevocations = []byte("revocations") // number
	bucketPeople      = []byte("people")      // lookup
	bucketPersonIDs   = []byte("person_ids")  // id: lookup
	bucketEntries     = []byte("entries")     // index
	bucketExpiry      = []byte("expiry")      // second, then one letter for the bucket, then the key
)

var buckets = [][]byte{
	bucketMeta, bucketPolicies, bucketKeys, bucketSecrets, bucketCredentials, bucketOpaque, bucketUses,
	bucketSeen, bucketRevocations, bucketPeople, bucketPersonIDs, bucketEntries, bucketExpiry,
}

// expiring names the buckets of records that end, by the letter that stands for each in bucketExpiry.
var expiring = map[byte][]byte{'o': bucketOpaque, 'u': bucketUses, 's': bucketSeen, 'r': bucketRevocations}

var metaKey = []byte("meta")

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func credentialKey(client, id string) []byte { return []byte(client + "\x00" + id) }

func seenKey(token [16]byte, useID string) []byte { return append(token[:], useID...) }

func expiryKey(at time.Time, letter byte, key []byte) []byte {
	return append(append(number(uint64(max(at.Unix(), 0))), letter), key...)
}

func readMeta(tx *bbolt.Tx) (store.Meta, error) {
	var m store.Meta
	err := decode(tx.Bucket(bucketMeta).Get(metaKey), &m)
	return m, err
}

func writeMeta(tx *bbolt.Tx, m store.Meta) error { return put(tx, bucketMeta, metaKey, m) }

func put(tx *bbolt.Tx, bucket, key []byte, record any) error {
	value, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("%s: %w", bucket, err)
	}
	return tx.Bucket(bucket).Put(key, value)
}

// get reads one record; what is missing is [store.ErrNotFound].
func get[T any](tx *bbolt.Tx, bucket, key []byte) (T, error) {
	var record T
	err := decode(tx.Bucket(bucket).Get(key), &record)
	if err != nil {
		return record, fmt.Errorf("%s: %w", bucket, err)
	}
	return record, nil
}

// all reads every record of a bucket.
func all[T any](tx *bbolt.Tx, bucket []byte) ([]T, error) {
	var records []T
	err := tx.Bucket(bucket).ForEach(func(_, value []byte) error {
		var record T
		if err := decode(value, &record); err != nil {
			return fmt.Errorf("%s: %w", bucket, err)
		}
		records = append(records, record)
		return nil
	})
	return records, err
}

func decode(value []byte, record any) error {
	if value == nil {
		return store.ErrNotFound
	}
	if err := json.Unmarshal(value, record); err != nil {
		return fmt.Errorf("%w: a record can't be read", store.ErrCorrupt)
	}
	return nil
}
