package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

func drop(t *testing.T, s store.Store, before time.Time, limit int) (n int) {
	t.Helper()
	update(t, s, func(tx store.Tx) (err error) {
		n, err = tx.DropExpired(before, limit)
		return err
	})
	return n
}

// expireAt writes one record of each kind that ends at the time.
func expireAt(n int, end time.Time) func(store.Tx) error {
	return func(tx store.Tx) error {
		_, err := tx.AppendRevocation(store.Revocation{Kind: "task", Expires: end})
		return errors.Join(err, tx.PutOpaque(store.Opaque{Hash: hash(n), Expires: end}),
			tx.PutUses(store.Uses{Token: token(n), Expires: end}), tx.PutUseSeen(token(n), "a", end))
	}
}

func testExpiry(t *testing.T, open Open) {
	t.Run("what ended goes and the rest stays", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, expireAt(0, epoch), expireAt(1, epoch.Add(time.Microsecond)), expireAt(2, epoch.Add(time.Hour)), expireAt(3, time.Time{}))
		before := stateOf(t, s)
		if n := drop(t, s, epoch, 99); n != 0 || stateOf(t, s) != before {
			t.Errorf("%d records dropped at the moment at which they end", n)
		}
		if n := drop(t, s, epoch.Add(time.Microsecond), 99); n != 4 {
			t.Errorf("%d dropped, not the 4 that ended", n)
		}
		if n := drop(t, s, epoch.Add(1000*time.Hour), 99); n != 8 {
			t.Errorf("%d dropped, not the 8 that ended", n)
		}
		text := stateOf(t, s)
		for _, gone := range []string{"\nopaque 0", "\nuses 1", `use 2 "a" seen true`, "revocation 3 "} {
			if strings.Contains(text, gone) {
				t.Errorf("%q is still there", gone)
			}
		}
		for _, stays := range []string{"\nopaque 3", "\nuses 3", `use 3 "a" seen true`, "revocation 4 ", "rev 4"} {
			if !strings.Contains(text, stays) {
				t.Errorf("%q is gone", stays)
			}
		}
	})
	t.Run("it goes in steps", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, expireAt(0, epoch), expireAt(1, epoch), expireAt(2, epoch))
		for _, want := range []int{5, 5, 2, 0} {
			if n := drop(t, s, epoch.Add(time.Hour), 5); n != want {
				t.Errorf("%d dropped, not %d", n, want)
			}
		}
		if n := drop(t, s, epoch.Add(time.Hour), 0); n != 0 {
			t.Errorf("%d dropped of none", n)
		}
	})
	t.Run("an end that was put off counts", func(t *testing.T) {
		s := fresh(t, open)
		end := epoch.Add(time.Hour)
		update(t, s, expireAt(1, epoch))
		update(t, s, func(tx store.Tx) error {
			return errors.Join(tx.PutOpaque(store.Opaque{Hash: hash(1), Expires: end}),
				tx.PutUses(store.Uses{Token: token(1), Expires: end}), tx.PutUseSeen(token(1), "a", time.Time{}))
		})
		if n := drop(t, s, epoch.Add(time.Minute), 99); n != 1 { // the revocation
			t.Errorf("%d dropped", n)
		}
		if n := drop(t, s, end.Add(1), 99); n != 2 {
			t.Errorf("%d dropped at the new end", n)
		}
	})
	t.Run("what was dropped has ended for good", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, expireAt(0, epoch), func(tx store.Tx) error {
			_, err := tx.AppendEntry([]byte("e"), epoch)
			return err
		})
		newest := func() time.Time {
			var m store.Meta
			view(t, s, func(r store.Reader) (err error) { m, err = r.Meta(); return err })
			return m.Time
		}
		for _, row := range []struct {
			before, want time.Time
		}{
			{epoch, epoch}, // drops none
			{epoch.Add(time.Hour), epoch.Add(time.Hour)},
			{epoch.Add(2 * time.Hour), epoch.Add(time.Hour)}, // none either
		} {
			drop(t, s, row.before, 99)
			if got := newest(); !got.Equal(row.want) {
				t.Errorf("before %s: the newest time is %s, not %s", row.before, got, row.want)
			}
		}
	})
	t.Run("what was lifted is not dropped again", func(t *testing.T) {
		s := fresh(t, open)
		update(t, s, expireAt(1, epoch), func(tx store.Tx) error { return tx.DeleteRevocation(1) })
		if n := drop(t, s, epoch.Add(time.Hour), 99); n != 3 {
			t.Errorf("%d dropped", n)
		}
	})
}
