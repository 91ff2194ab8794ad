package engine

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

const (
	// issuerNamesRecord is under which name the store keeps [issuerNames].
	issuerNamesRecord = "policy.issuers"
	// maxIssuerNames is the most bytes of that record: some ten thousand issuers, each of which was once named.
	maxIssuerNames = 1 << 20
)

// issuerNames is which url each issuer's name stands for, and which name each url has, as any version of the policy
// had it. Tokens, revocations and blocks name people, groups and keys by the name. So neither ever goes with another,
// also if a version between had none of them: else what was revoked would come back under a new name, or the old
// name's people would be somebody else's.
type issuerNames struct {
	Version uint64            `json:"version"` // of the policy up to which it knows all
	URLs    map[string]string `json:"urls"`    // by name
	Names   map[string]string `json:"names"`   // by url
}

// knownIssuers reads them. What the record doesn't know yet is in the versions of the policy, which are kept for good.
func knownIssuers(r store.Reader) (*issuerNames, error) {
	known := &issuerNames{URLs: make(map[string]string), Names: make(map[string]string)}
	text, err := r.Secret(issuerNamesRecord)
	if err == nil {
		err = json.Unmarshal(text, known)
	} else if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the names of issuers: %w", store.ErrCorrupt, err)
	}
	meta, err := r.Meta()
	if err != nil {
		return nil, err
	}
	for known.Version < meta.Policy {
		earlier, err := r.Policy(known.Version + 1)
		if err != nil {
			return nil, err
		}
		known.note(earlier.Version, policy.IssuerURLs(earlier.YAML))
	}
	return known, nil
}

// note adds what a version has. Where earlier versions disagree, the newest one counts.
func (k *issuerNames) note(version uint64, urls map[string]string) {
	k.Version = version
	for name, url := range urls {
		k.URLs[name], k.Names[url] = url, name
	}
}

// admit refuses a policy that gives a name another url, or a url another name. It gives the record that goes with one
// that is applied.
func (k *issuerNames) admit(next *policy.Policy) (record []byte, err error) {
	urls := make(map[string]string)
	for _, i := range next.Issuers() {
		if url, known := k.URLs[i.Name]; known && url != i.URL {
			return nil, Refuse(Precondition, "renamed_issuer",
				fmt.Sprintf("the issuer %s has another url than in an earlier version, and tokens and revocations name people by the name; "+
					"give what is at the new url a name of its own, move bindings and rules to it, and take this one out", i.Name))
		}
		if name, known := k.Names[i.URL]; known && name != i.Name {
			return nil, Refuse(Precondition, "renamed_issuer",
				fmt.Sprintf("the issuer %s was called %s in an earlier version, and what is revoked and blocked of it is known by that name; "+
					"keep the name %s", i.Name, name, name))
		}
		urls[i.Name] = i.URL
	}
	before := len(k.URLs)
	k.note(next.Version(), urls)
	if record, err = json.Marshal(k, json.Deterministic(true)); err != nil {
		return nil, err
	}
	if len(record) > maxIssuerNames && len(k.URLs) > before {
		return nil, Refuse(Precondition, "many_issuers",
			"all versions of the policy together name more issuers than can be remembered; name no new ones")
	}
	return record, nil
}
