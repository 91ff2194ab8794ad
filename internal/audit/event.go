package audit

import (
	"errors"
	"time"
)

// Kind is what an entry is about.
type Kind string

// The kinds so far. A kind may be added, never given another meaning.
const (
	KindExchange          Kind = "exchange"           // a token exchange (RFC 8693)
	KindClientCredentials Kind = "client_credentials" // a client asked for itself (RFC 6749 section 4.4)
	KindUse               Kind = "introspection_use"  // a counted use of a use-limited token
	KindEveryUse          Kind = "use"                // a use of a scope of which every use is recorded
	KindUses              Kind = "uses"               // uses that were only counted
	KindRevocation        Kind = "revocation"         // power was taken away
	KindUnblock           Kind = "unblock"            // a block was lifted
	KindPolicy            Kind = "policy"             // a version of the policy
	KindCredential        Kind = "credential"         // a client's credential
	KindKey               Kind = "key"                // a signing key
	KindRefusals          Kind = "refusals"           // refusals that were only counted
	KindClock             Kind = "clock"              // a start trusted a clock that had jumped back, as the operator said
	KindBackup            Kind = "backup"             // a copy of the whole state was asked for
	KindRestore           Kind = "restore"            // a generation began from a backup
	KindPrivacy           Kind = "privacy"            // what is held about a person was handed out, or the person erased
	KindRetention         Kind = "retention"          // bodies of entries were dropped whose time was over
	KindAdministration    Kind = "administration"     // an administrative operation that was refused
)

// Kinds is all of them.
func Kinds() []Kind {
	return []Kind{
		KindExchange, KindClientCredentials, KindUse, KindEveryUse, KindUses,
		KindRevocation, KindUnblock, KindPolicy, KindCredential, KindKey,
		KindRefusals, KindClock, KindBackup, KindRestore,
		KindPrivacy, KindRetention, KindAdministration,
	}
}

// Outcome is how it ended.
type Outcome string

// The outcomes.
const (
	OutcomeGranted Outcome = "granted"
	OutcomeRefused Outcome = "refused"
	OutcomeDone    Outcome = "done"
)

// Format is the form that this version writes (docs/decisions/0002).
const Format = 1

// Event is one thing that happened, with all inputs of the decision. As an entry it never holds a token's text
// or a secret: Prepare hides what looks like one, wherever a caller put it. Everything but Detail and what stands in People's Personal is stored in the clear, so
// nothing else may name a person.
//
// The fields stand in the order of their JSON names, which makes the encoding canonical (RFC 8785).
type Event struct {
	ActorToken   *Token    `json:"actor_token,omitzero"`
	Asked        *Asked    `json:"asked,omitzero"`
	Change       *Change   `json:"change,omitzero"`
	Client       string    `json:"client,omitzero"` // the authenticated client; empty: the server itself
	Counted      *Counted  `json:"counted,omitzero"`
	Credential   string    `json:"credential,omitzero"` // the id of what the client proved itself with
	Decision     string    `json:"decision"`            // from [NewDecision]; Prepare makes one if empty
	Detail       string    `json:"detail,omitzero"`     // Reason in more words; sealed with the first of the people, if any
	Dropped      *Dropped  `json:"dropped,omitzero"`
	Format       int       `json:"format"`        // set by Prepare
	From         string    `json:"from,omitzero"` // the client's network address
	Granted      *Granted  `json:"granted,omitzero"`
	Kind         Kind      `json:"kind"`
	Outcome      Outcome   `json:"outcome"`
	People       []Person  `json:"people,omitempty"`
	Policy       uint64    `json:"policy,omitzero"`   // the version that decided
	Reason       string    `json:"reason,omitzero"`   // a short stable word
	Removed      []Removal `json:"removed,omitempty"` // why less was granted than asked for
	Restored     *Restored `json:"restored,omitzero"`
	Rev          uint64    `json:"rev,omitzero"` // the revocation sequence that was read first
	Revoked      *Revoked  `json:"revoked,omitzero"`
	Rule         string    `json:"rule,omitzero"` // the rule that decided
	SubjectToken *Token    `json:"subject_token,omitzero"`
	Time         time.Time `json:"time"` // milliseconds, UTC; Prepare takes the decision's if zero
	Used         *Used     `json:"used,omitzero"`
	Uses         *Uses     `json:"uses,omitzero"`
	Wire         string    `json:"wire,omitzero"` // grpc, grpcweb, connect or oauth; empty: the server itself
}

// ErrEvent is what [Log.Prepare] wraps when an event can't be an entry.
var ErrEvent = errors.New("not an audit event")

// maxNumber is the most that a JSON number holds exactly (RFC 8785 section 3.2.2.3).
const maxNumber = 1 << 53

// check says why the event can't be an entry, if it can't; its people are checked by themselves.
func (e *Event) check() error {
	at, err := decisionTime(e.Decision)
	switch {
	case err != nil:
		return err
	case !at.Equal(e.Time):
		return errors.New("its decision id is of another time")
	case e.Kind == "" || e.Outcome == "":
		return errors.New("kind or outcome is missing")
	case max(e.Policy, e.Rev) > maxNumber,
		e.Counted != nil && e.Counted.Count > maxNumber,
		e.Dropped != nil && e.Dropped.First > maxNumber,
		e.Uses != nil && !e.Uses.exact(),
		e.Revoked != nil && e.Revoked.Seq > maxNumber,
		e.Restored != nil && !e.Restored.exact(),
		e.Change != nil && e.Change.Version > maxNumber:
		return errors.New("a number is too large")
	case e.Revoked != nil && e.Revoked.Kind == string(RoleSubject) && e.Revoked.Selector != "":
		return errors.New("a revoked subject belongs among the people")
	}
	return nil
}
