package report

import (
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/policy"
)

// Kind is what a report is about.
type Kind string

// The reports.
const (
	AccessReview  Kind = "access-review"
	PrivilegedUse Kind = "privileged-use"
	Revocations   Kind = "revocations"
	KeyRotation   Kind = "key-rotation"
)

// Checkpoint is the signed state of the log that figures were computed at. What a figure counts is among its entries.
type Checkpoint struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"` // hexadecimal
}

// Basis is whose word a figure is.
type Basis string

// What a figure may rest on.
const (
	OfLog    Basis = "log"    // entries that the checkpoint covers, held to it when the report was made
	OfServer Basis = "server" // what the server said at that moment, which nothing proves
)

// Report is what is shown.
type Report struct {
	Kind       Kind       `json:"report"`
	Title      string     `json:"title"`
	About      string     `json:"about"`
	From       time.Time  `json:"from"` // entries from then on
	To         time.Time  `json:"to"`   // to before then
	Made       time.Time  `json:"made"`
	Server     string     `json:"server"`
	Checkpoint Checkpoint `json:"checkpoint"`
	Note       string     `json:"note"`            // the signed note of the checkpoint
	Key        string     `json:"verifier_key"`    // what it was verified with
	KeyGiven   bool       `json:"key_given"`       // by the reader; else the server's own word
	First      uint64     `json:"first_entry"`     // that was read
	Entries    uint64     `json:"entries"`         // that were read from there on; those of the window are counted
	Named      []string   `json:"named,omitempty"` // scopes that the reader called privileged
	Notes      []string   `json:"notes"`           // what isn't in the figures, and why
	Figures    []Figure   `json:"figures"`
	Plots      []Plot     `json:"plots"`
	Spans      []Spans    `json:"spans"`
	Tables     []Table    `json:"tables"`
}

// Figure is one number.
type Figure struct {
	Name  string     `json:"name"`
	Value float64    `json:"value"`
	Unit  string     `json:"unit"` // days; empty: a count
	Says  string     `json:"says"` // what is counted, exactly
	Basis Basis      `json:"basis"`
	At    Checkpoint `json:"checkpoint"`
}

// Plot is counts over time, in steps of equal length, for one or more series.
type Plot struct {
	Name   string     `json:"name"`
	Says   string     `json:"says"`
	Begin  time.Time  `json:"begin"`
	Step   int64      `json:"step_seconds"`
	Series []Series   `json:"series"`
	Basis  Basis      `json:"basis"`
	At     Checkpoint `json:"checkpoint"`
}

// Series is one of them.
type Series struct {
	Name   string   `json:"name"`
	Counts []uint64 `json:"counts"`
}

// Spans is lifetimes side by side.
type Spans struct {
	Name  string     `json:"name"`
	Says  string     `json:"says"`
	Rows  []Span     `json:"rows"`
	Basis Basis      `json:"basis"`
	At    Checkpoint `json:"checkpoint"`
}

// Span is one of them; without an end it goes on.
type Span struct {
	Name  string    `json:"name"`
	State string    `json:"state"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to,omitzero"`
}

// Table is rows of texts.
type Table struct {
	Name    string     `json:"name"`
	Says    string     `json:"says"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	Basis   Basis      `json:"basis"`
	At      Checkpoint `json:"checkpoint"`
}

// Entry is an entry with its people opened, as far as they aren't erased.
type Entry struct {
	Index uint64
	audit.Event
}

// Source is what a report is made of.
type Source struct {
	From, To, Made time.Time
	Server         string
	Checkpoint     Checkpoint
	Note           string
	Key            string
	KeyGiven       bool

	First   uint64
	Read    uint64  // entries from First on that were held to the checkpoint
	Dropped uint64  // of them, entries that retention dropped: only their hashes are left
	Entries []Entry // the rest, in the order of the log, those before From and after To included

	Policy   policy.Overview // the one in force when the report was made; for access reviews and privileged use
	Version  uint64          // its version
	Versions []Version       // of the policy, the newest first; for access reviews

	Privileged []string // scopes that the reader calls privileged, besides those that the policy does

	// For key rotation.
	Keys                    []Key
	LogKey                  time.Time // when the key that signs the log began to; zero: not told
	Secrets                 []Secret
	MaxKeyAge, MaxSecretAge time.Duration // the most that a signing key and a secret may be old
}

// Version is a version of the policy.
type Version struct {
	Version  uint64
	Applied  time.Time
	By, Note string
}

// Key is a signing key, as the server tells of it.
type Key struct {
	ID, Alg, State           string
	Created, Active, Retired time.Time // zero: not decided
}

// Secret is a client's secret, as the server tells of it.
type Secret struct {
	Client, ID                 string
	Created, Expires, LastUsed time.Time // zero: never
	Disabled                   bool
}

// Make makes the report of that kind; ok is false if there is none.
func Make(kind Kind, s Source) (r *Report, ok bool) {
	makers := map[Kind]func(*maker){AccessReview: (*maker).access, PrivilegedUse: (*maker).privileged, Revocations: (*maker).revocations, KeyRotation: (*maker).keys}
	run, ok := makers[kind]
	if !ok {
		return nil, false
	}
	m := newMaker(kind, s)
	run(m)
	return m.report, true
}
