package verify

import (
	"fmt"

	"github.com/whittle-sts/whittle/internal/audit"
)

// look reads an entry, or notes that its body is gone: the entry must come that says so.
func look(a *audit.Absences, index uint64, entry []byte) error {
	if audit.Gone(entry) {
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
	if err := a.Glance(index, entry); err != nil {
		return at(index, ErrChanged, err)
	}
	return nil
}

// explained says which body is gone that no entry says was dropped.
func explained(a *audit.Absences) error {
	first, unexplained := a.Left()
	if !unexplained {
		return nil
	}
	return &Finding{Index: first, Last: first, Err: fmt.Errorf("%w: its body is gone, and no entry up to here says that it was dropped", ErrMissing)}
}
