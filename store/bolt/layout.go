package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/store"
)

// schema is the version of the layout below.
const schema = 1

// table is one bucket. Every value in it but the schema's is a frame.
type table struct {
	name string
	// grows says that keys only ever come at the end, so that pages can be filled to the brim.
	grows bool
	// kept says that its records outlive the generation: a restore takes them over.
	kept bool
}

// The tables, with their keys and what is in the frame. Numbers are big-endian. An expiring record
// begins with the time at which it ends.
var (
	tableMeta       = table{name: "meta"}                                // "schema": uint32, bare, in every schema; "meta": JSON
	tablePolicy     = table{name: "policy", grows: true, kept: true}     // version: JSON
	tableKey        = table{name: "key"}                                 // id: JSON
	tableSecret     = table{name: "secret", kept: true}                  // name: the secret
	tableCredential = table{name: "credential", kept: true}              // length of the client's id, client's id, id: JSON
	tableOpaque     = table{name: "opaque"}                              // hash: expiry, claims
	tableUses       = table{name: "uses"}                                // token: expiry, uint32
	tableUseSeen    = table{name: "use-seen"}                            // token, use id: expiry
	tableRevocation = table{name: "revocation", grows: true, kept: true} // seq: expiry, JSON
	tablePerson     = table{name: "person", kept: true}                  // lookup: since, lookup, id, key
	tablePersonByID = table{name: "person-by-id", kept: true}            // id: the same, as who reads entries looks for it
	tableEntry      = table{name: "entry", grows: true}                  // index: the entry
	tableTile       = table{name: "tile", grows: true}                   // index: 256 hashes
	tableCheckpoint = table{name: "checkpoint"}                          // "signed" or "witnessed": JSON
	tableExpiry     = table{name: "expiry", kept: true}                  // expiry, letter of the table, key in it: nothing
	keySchema       = []byte("schema")
	keyMeta         = []byte("meta")
	tables          = []table{
		tableMeta, tablePolicy, tableKey, tableSecret, tableCredential, tableOpaque, tableUses, tableUseSeen,
		tableRevocation, tablePerson, tablePersonByID, tableEntry, tableTile, tableCheckpoint, tableExpiry,
	}
	expiring   = map[byte]table{'o': tableOpaque, 'u': tableUses, 's': tableUseSeen, 'r': tableRevocation}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errFrame   = errors.New("checksum doesn't match")
	errShort   = errors.New("record is too short")
)

// maxKey is the most bytes of a name or id that is part of a key.
const maxKey = 4096

// A frame is a CRC-32C and the payload. The checksum covers table and key too, so that neither a
// flipped bit nor a page in the wrong place is taken for a record. It is no defence against people.
const frameHeader = 4

func checksum(t table, key, payload []byte) uint32 {
	sum := crc32.Checksum([]byte(t.name), castagnoli)
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, payload)
}

func frame(t table, key []byte, parts ...[]byte) []byte {
	size := frameHeader
	for _, p := range parts {
		size += len(p)
	}
	value := make([]byte, frameHeader, size)
	for _, p := range parts {
		value = append(value, p...)
	}
	binary.BigEndian.PutUint32(value, checksum(t, key, value[frameHeader:]))
	return value
}

// unframe returns the payload, which is part of value.
func unframe(t table, key, value []byte) ([]byte, error) {
	if len(value) < frameHeader {
		return nil, corrupt(t, key, errShort)
	}
	payload := value[frameHeader:]
	if binary.BigEndian.Uint32(value) != checksum(t, key, payload) {
		return nil, corrupt(t, key, errFrame)
	}
	return payload, nil
}

func corrupt(t table, key []byte, cause error) error {
	return fmt.Errorf("%w: table %s, key %.64x: %w", store.ErrCorrupt, t.name, key, cause)
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// timeSize is the bytes of an instant: seconds since 1970 with the sign turned, so that bytes sort as
// instants do, and nanoseconds. The zero time is a time like others.
const timeSize = 12

func instant(t time.Time) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, timeSize), uint64(t.Unix())^1<<63)
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

// cutInstant reads what instant wrote, and returns what follows it.
func cutInstant(t table, key, payload []byte) (time.Time, []byte, error) {
	if len(payload) < timeSize {
		return time.Time{}, nil, corrupt(t, key, errShort)
	}
	seconds := int64(binary.BigEndian.Uint64(payload) ^ 1<<63)
	nanos := int64(binary.BigEndian.Uint32(payload[8:]))
	return time.Unix(seconds, nanos).UTC(), payload[timeSize:], nil
}

func credentialKey(client, id string) []byte {
	key := binary.BigEndian.AppendUint16(nil, uint16(len(client)))
	return append(append(key, client...), id...)
}

func useKey(token [16]byte, useID string) []byte {
	return append(token[:len(token):len(token)], useID...)
}

// decode reads a record. Members that this version doesn't know come with a new schema, so here they
// are damage.
func decode(t table, key, payload []byte, record any) error {
	if err := json.Unmarshal(payload, record, json.RejectUnknownMembers(true)); err != nil {
		return corrupt(t, key, err)
	}
	return nil
}

func encode(t table, record any) ([]byte, error) {
	payload, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode for table %s: %w", t.name, err)
	}
	return payload, nil
}
