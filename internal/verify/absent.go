package verify

import (
	"bytes"
	"fmt"

	"github.com/whittle-sts/whittle/internal/audit"
)

// look reads an entry, or notes that its body is gone: the entry must come that says so.
func look(a *audit.Absences, index uint64, entry []byte) error {
	if gone(entry) {
		a.Missing(index)
		return nil
	}
	e, err := audit.Decode(entry)
	if err == nil {
		err = a.Explained(&e)
	}
	if err != nil {
		return at(index, ErrChanged, err)
	}
	return nil
}

// glance is look for who compares hashes only: it reads the entries alone that say what was dropped.
func glance(a *audit.Absences, index uint64, entry []byte) error {
	if gone(entry) || bytes.Contains(entry, []byte(`"kind":"`+string(audit.KindRetention)+`"`)) {
		return look(a, index, entry)
	}
	return nil
}

// gone says whether only a rest is left of an entry, or nothing.
func gone(entry []byte) bool {
	_, dropped := audit.ReadRemnant(entry)
	return dropped || len(entry) == 0
}

// explained says which body is gone that no entry says was dropped.
func explained(a *audit.Absences) error {
	first, unexplained := a.Left()
	if !unexplained {
		return nil
	}
	return &Finding{Index: first, Last: first, Err: fmt.Errorf("%w: its body is gone, and no entry up to here says that it was dropped", ErrMissing)}
}
