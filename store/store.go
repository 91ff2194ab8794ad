package store

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors that every engine returns, wrapped with what it was about.
var (
	ErrNotFound = errors.New("not found")        // the record isn't there
	ErrLocked   = errors.New("store is locked")  // another process has it open
	ErrCorrupt  = errors.New("store is corrupt") // what is there can't be what was written
	ErrNewer    = errors.New("store has a newer schema than this version knows")
	ErrDirty    = errors.New("the function failed after it had written")
	ErrFull     = errors.New("no space left for the store")
	ErrClosed   = errors.New("store is closed")
	ErrGaveWay  = errors.New("a commit had to wait for the backup, which ended for it; try again")
)

// Store keeps Whittle's state. It is safe for concurrent use. Functions given to it must not call it
// again: a View inside an Update, or the other way round, may wait for itself. A panic of a function
// undoes its transaction and goes on to the caller.
//
// A context that has ended is honoured before any function runs, and never after.
type Store interface {
	// View runs fn on one consistent snapshot: it sees every commit that was durable when View
	// began, whole, and none that came after. The Reader and the bytes it returns are good only
	// until fn returns. View returns fn's error as it is.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs the functions one after another in one write transaction, each seeing what the
	// ones before it wrote, and makes it durable. Only one Update runs at a time.
	//
	// Each function's outcome is its own: the slice has one element for each function, nil where
	// its writes are part of the commit. A function must look before it writes: one that fails
	// before its first write leaves the others' work standing; one that fails after writing
	// undoes the whole transaction, and Update returns ErrDirty.
	//
	// When Update returns a nil error, the writes of all functions with a nil outcome are durable:
	// they survive a crash of the process and of the machine. When it returns an error, either none
	// or all of them are; the engine settles which before any later call returns, so that a View
	// after the failed Update shows the truth. Engines never retry a failed commit by themselves.
	Update(ctx context.Context, fns ...func(Tx) error) ([]error, error)

	// Backup writes one consistent copy of the store to w, as it was at one moment after Backup began,
	// while commits go on, and says what state that was. What is sealed stays sealed. The engine's own
	// way to restore takes such a copy, if it is whole: after an error what was written is worthless.
	//
	// However slow w is, no commit waits for it longer than a few seconds: Backup ends with ErrGaveWay
	// before that. It returns only when w is no longer used.
	Backup(ctx context.Context, w io.Writer) (Meta, error)

	// Scrub makes sure that nothing that was deleted before is left in what the engine keeps its records in, so
	// that no later copy of that holds it. It may take a while, in which all goes on, and waits for backups. After
	// an error it is to be asked for again. What is beneath the engine (snapshots, the spare blocks of a disk)
	// it can't reach.
	Scrub(ctx context.Context) error

	// Close waits for running calls and releases the store. Later calls fail.
	Close() error
}

// Reader reads one consistent state. It is good only until the function that it was given to returns.
// Functions that it calls back must not write. Times are kept at least to the microsecond.
type Reader interface {
	// Meta is the state of the store as a whole.
	Meta() (Meta, error)

	// Policy is one version of the policy document; ErrNotFound if there is none.
	Policy(version uint64) (Policy, error)

	// Keys lists all signing keys, in no order.
	Keys() ([]Key, error)
	// Secret is one named secret of the server itself (a seed, a pepper); ErrNotFound if there is none.
	Secret(name string) ([]byte, error)
	// SecretNames lists the names of all secrets, in no order.
	SecretNames() ([]string, error)

	// Credentials lists the credentials of all clients, in no order.
	Credentials() ([]Credential, error)

	// Opaque is the row of an opaque token; ErrNotFound if there is none.
	Opaque(hash [32]byte) (Opaque, error)
	// Uses is what is left of a use-limited token; ErrNotFound if it isn't counted (any more).
	Uses(token [16]byte) (Uses, error)
	// UseSeen says whether the use id was counted for the token and is still remembered.
	UseSeen(token [16]byte, useID string) (bool, error)

	// Revocations calls fn for each live revocation numbered above after, in ascending order, until
	// fn returns false.
	Revocations(after uint64, fn func(Revocation) bool) error

	// Person is the key record of a person whom entries name; ErrNotFound if there is none or it
	// was erased.
	Person(lookup [32]byte) (Person, error)
	// PersonByID is the same record by its ID, as entries name it; ErrNotFound likewise.
	PersonByID(id [16]byte) (Person, error)
	// People calls fn with the record of each person whose Lookup is above after, in ascending order of
	// it, until fn returns false. No Lookup is zero.
	People(after [32]byte, fn func(Person) bool) error

	// Entries calls fn with the audit entries from index on, in order, until fn returns false. The
	// bytes are good only until fn returns.
	Entries(from uint64, fn func(index uint64, entry []byte) bool) error
	// Tile is one full tile of the audit log's tree; ErrNotFound if there is none of that index.
	Tile(index uint64) ([]byte, error)

	// Checkpoint is the newest checkpoint of the audit log that was signed, or the newest that enough
	// witnesses have co-signed; ErrNotFound if there is none.
	Checkpoint(witnessed bool) (Checkpoint, error)
}

// Tx reads and writes within one Update. Each Put replaces what was there and keeps nothing of what it
// was given; deleting what isn't there does nothing.
type Tx interface {
	Reader

	// PutPolicy adds a version and makes it current. Versions are consecutive from 1: any other
	// is refused, also one that is there.
	PutPolicy(Policy) error

	PutKey(Key) error
	DeleteKey(id string) error
	PutSecret(name string, value []byte) error

	PutCredential(Credential) error
	DeleteCredential(client, id string) error
	// NoteCredentialUse remembers when a credential was last used; an earlier time than is known is ignored.
	// It never makes a credential nor changes anything else of one: what isn't there stays so.
	NoteCredentialUse(client, id string, at time.Time) error

	PutOpaque(Opaque) error
	PutUses(Uses) error
	// PutUseSeen remembers that the use id was counted for the token, until then.
	PutUseSeen(token [16]byte, useID string, until time.Time) error

	// AppendRevocation numbers the revocation, one above the newest, and writes it.
	AppendRevocation(Revocation) (seq uint64, err error)
	// DeleteRevocation lifts it; the sequence doesn't go back.
	DeleteRevocation(seq uint64) error

	PutPerson(Person) error
	// DeletePerson erases the person whose record it is: what was sealed under the key can't be read again. Traces
	// of the key may be left until [Store.Scrub].
	DeletePerson(lookup [32]byte) error

	// AppendEntry writes the next audit entry and returns its index; indexes are consecutive from 0.
	// A store's time never goes back: an earlier at is ignored.
	AppendEntry(entry []byte, at time.Time) (index uint64, err error)
	// DropEntry puts rest into the place of an audit entry, which is gone then; [ErrNotFound] if there is none at
	// that index. Traces of it may be left until [Store.Scrub]. Its hash stays in its tile; what rest says, and which
	// entry may go, the writer knows.
	DropEntry(index uint64, rest []byte) error
	// AppendTile writes the next full tile of the log's tree and returns its index; indexes are consecutive
	// from 0. What a tile is, and in which order tiles fill, the writer knows.
	AppendTile(tile []byte) (index uint64, err error)
	// SetRoot says what the root of the tree over all entries so far is. Whoever appends entries does so
	// before the commit ends; the store doesn't check it.
	SetRoot(root [32]byte) error

	// PutCheckpoint replaces the newest signed or the newest witnessed checkpoint.
	PutCheckpoint(Checkpoint) error

	// SetGeneration names the generation of a new store.
	SetGeneration([16]byte) error

	// DropExpired deletes up to limit records that ended before then: opaque tokens, uses, use ids and
	// revocations. It returns how many it deleted, which is less than limit only if none is left. If it deleted any, the
	// store's newest time is before at least: what ended must not live again for whoever has an earlier clock.
	DropExpired(before time.Time, limit int) (int, error)
}
