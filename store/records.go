package store

import "time"

// Meta is the state of the store as a whole.
type Meta struct {
	Schema     int       // version of the layout
	Generation [16]byte  // one unbroken life of the state; zero before the first
	Policy     uint64    // current policy version; 0 before the first
	Rev        uint64    // number of the newest revocation; 0 before the first
	Size       uint64    // number of audit entries
	Tiles      uint64    // number of full tiles of the log's tree
	Treed      uint64    // number of entries that Root is over: Size, unless a writer left it out
	Root       [32]byte  // of the log's tree (RFC 6962 section 2.1); zero before the first
	Time       time.Time // the highest time of an entry
}

// Policy is one version of the policy document.
type Policy struct {
	Version uint64
	YAML    []byte
	Applied time.Time
	By      string // the client that applied it
	Note    string
}

// Key is one signing key with the key that seals evidence in the tokens that it signs.
type Key struct {
	ID       string // `kid`: the RFC 7638 thumbprint
	Alg      string // ES256, RS256 or EdDSA
	Private  []byte // secret: PKCS #8, DER
	Evidence []byte // secret: 32 bytes
	Created  time.Time
	Active   time.Time // when it begins to sign; published from Created on
	Retired  time.Time // when it stopped signing; zero while it hasn't
	Expires  time.Time // when its last token has ended; zero while unknown
	Revoked  bool      // nothing that it signed is good any more
}

// Credential is one way in which a client may prove who it is.
type Credential struct {
	Client   string
	ID       string // unique for the client; not secret
	Kind     string // how Verifier is read; "secret-sha256" is the SHA-256 of a 256-bit secret
	Verifier []byte
	Created  time.Time
	Expires  time.Time // zero: never
	Disabled bool
	LastUsed time.Time // about; zero: never, as far as is known. NoteCredentialUse alone is for keeping it
}

// Opaque is one opaque token, under the hash of its text. Claims are sealed under a key that
// only the token's text gives, so the row alone tells nothing.
type Opaque struct {
	Hash    [32]byte
	Claims  []byte
	Expires time.Time
}

// Uses is what is left of a use-limited token.
type Uses struct {
	Token   [16]byte
	Left    uint32
	Expires time.Time
}

// Revocation takes power away from every token that its selector matches.
type Revocation struct {
	Seq      uint64 // set by AppendRevocation
	Kind     string // token, task, subject, client, group, issuer or key
	Selector string // what of that kind, as docs/decisions/0003 writes it
	Block    bool   // also refuse new tokens, until lifted
	At       time.Time
	Expires  time.Time // when all that it could kill has ended; zero: never
	By       string    // the client that asked for it
	Reason   string
}

// Person is the key under which the audit log seals what names one person. Deleting the record
// erases the person from the log, whose hashes don't change.
type Person struct {
	Lookup [32]byte // keyed hash of the principal
	ID     [16]byte // how entries name the key
	Key    []byte   // secret: 32 bytes
	Since  time.Time
}

// Checkpoint is the signed size and root of the audit log at one moment.
type Checkpoint struct {
	Witnessed bool // enough witnesses have co-signed it
	Size      uint64
	Root      [32]byte
	Note      []byte // C2SP signed-note
	// Edge is hashes of the leaves after the last full tile, which the root proves; none: not kept.
	Edge []byte `json:",omitempty"`
}
