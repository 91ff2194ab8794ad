//go:build linux && !race

package fault

import (
	"context"
	"errors"
	"fmt"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/store"
)

// picture is all that the steps change, as text.
func (s *state) picture() (text string, err error) {
	err = s.kept.View(context.Background(), func(r store.Reader) error {
		m, err := r.Meta()
		if err != nil {
			return err
		}
		uses, err := r.Uses(counter)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		credentials, err := r.Credentials()
		if err != nil {
			return err
		}
		keys, err := r.Keys()
		if err != nil {
			return err
		}
		revoked, opaque := 0, 0
		err = r.Revocations(0, func(store.Revocation) bool { revoked++; return true })
		for i := range 256 {
			if _, err := r.Opaque([32]byte{byte(i)}); err == nil {
				opaque++
			}
		}
		ofLog, bad := s.pictureOfLog(r)
		text = fmt.Sprintf("%d entries, root %x, rev %d, policy %d, %d uses, %v, %d keys, %d revocations, %d opaque, %s",
			m.Size, m.Root, m.Rev, m.Policy, uses.Left, credentials, len(keys), revoked, opaque, ofLog)
		return errors.Join(err, bad)
	})
	return text, err
}

// pictureOfLog is whom the log knows, which bodies were dropped, and what is signed by which of its keys.
func (s *state) pictureOfLog(r store.Reader) (string, error) {
	var held []audit.Pseudonym
	for i := range people {
		h, err := s.log.Held(r, name(i))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
		held = append(held, h.Key)
	}
	dropped := 0
	err := r.Entries(0, func(_ uint64, entry []byte) bool {
		if _, gone := audit.ReadRemnant(entry); gone {
			dropped++
		}
		return true
	})
	if err != nil {
		return "", err
	}
	signed, err := r.Checkpoint(false)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	handovers, err := r.Secret("audit.key.handovers")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	return fmt.Sprintf("people %q, %d dropped, %d signed, %d bytes of handovers", held, dropped, signed.Size, len(handovers)), nil
}
