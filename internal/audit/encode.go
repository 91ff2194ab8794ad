package audit

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/whittle-sts/whittle/internal/exact"
)

// usualEntry is the bytes that most entries fit into.
const usualEntry = 2 << 10

// encode writes the event, whose people are sealed, as canonical JSON (RFC 8785).
func encode(e *Event) ([]byte, error) {
	f := form{written: make([]byte, 0, usualEntry)}
	f.open('{')
	f.event(e)
	f.close('}')
	if f.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvent, f.err)
	}
	if len(f.written) > MaxEntry {
		return nil, ErrTooLarge
	}
	return slices.Clip(f.written), nil
}

// name begins a member.
func (f *form) name(name string) {
	f.comma()
	f.written = append(append(append(f.written, '"'), name...), `":`...)
}

// comma parts a member or element from the one before it.
func (f *form) comma() {
	if !f.first {
		f.written = append(f.written, ',')
	}
	f.first = false
}

func (f *form) quote(s string) {
	b, err := exact.AppendText(f.written, s)
	if err != nil {
		f.err = err
		return
	}
	f.written = b
}

func (f *form) digits(n uint64) { f.written = strconv.AppendUint(f.written, n, 10) }

func (f *form) time(t time.Time) {
	t = t.UTC()
	if year := t.Year(); year < 0 || year > 9999 {
		f.err = errors.New("the time is out of range")
		return
	}
	f.written = append(t.AppendFormat(append(f.written, '"'), timeLayout), '"')
}
