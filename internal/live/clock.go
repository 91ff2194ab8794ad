package live

import (
	"errors"
	"sync"
	"time"
)

// MaxJump is how far the wall clock may move against the time that really passed.
const MaxJump = 10 * time.Minute

// ErrClock is what [Clock.Trust] returns after a jump.
var ErrClock = errors.New("the clock jumped by more than ten minutes; check it, then restart with the clock accepted")

// Clock is a clock that never goes back: the later of the wall's time and the highest time seen,
// also in earlier runs. While the wall is behind that, it goes on at half the pace, until the wall has
// caught up: if it stood still, nothing would end. If the wall jumps by more than [MaxJump] against the time that really
// passed, in either direction, the clock is no longer trusted: it goes on by the time that passes,
// and nothing is minted and nothing forgotten until an administrator looked.
type Clock struct {
	wall    func() time.Time
	elapsed func() time.Duration

	mu      sync.Mutex
	highest time.Time
	offset  time.Duration // wall minus elapsed, as Unix time, when last read
	ticked  time.Duration // elapsed when last read
	jumped  bool

	accepted time.Time // what the wall said when it was trusted although it had jumped back; zero: it hadn't
}

// NewClock starts a clock that is never before highest, the newest time in the store. wall is the
// time of day; elapsed a clock that only ever runs on, such as time.Since of a fixed moment.
// Restarting with accept is how an administrator says that the wall is right after a jump back.
func NewClock(wall func() time.Time, elapsed func() time.Duration, highest time.Time, accept bool) *Clock {
	now, ticks := wall(), elapsed()
	c := &Clock{
		wall: wall, elapsed: elapsed, highest: highest, ticked: ticks,
		offset: time.Duration(now.UnixNano()) - ticks,
	}
	switch back := highest.Sub(now) > MaxJump; {
	case back && accept:
		c.accepted = now.UTC()
	case back:
		c.jumped = true
	}
	return c
}

// Accepted says whether the clock is trusted only since an administrator accepted it, and what the wall said then.
func (c *Clock) Accepted() (wall time.Time, is bool) { return c.accepted, !c.accepted.IsZero() }

// Now is the time, in UTC; it never goes back.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, ticks := c.wall().Round(0), c.elapsed()
	offset := time.Duration(now.UnixNano()) - ticks
	if moved := offset - c.offset; moved > MaxJump || moved < -MaxJump {
		c.jumped = true
	}
	switch passed := ticks - c.ticked; {
	case c.jumped:
		now = c.highest.Add(passed)
	case now.Before(c.highest):
		now = c.highest.Add(passed / 2)
	}
	c.offset, c.ticked = offset, ticks
	if now.After(c.highest) {
		c.highest = now
	}
	return c.highest.UTC()
}

// mostAhead is how far ahead a wall that jumped is believed: what is revoked now would else be for ever.
const mostAhead = 7 * 24 * time.Hour

// Latest is the later of Now and what the wall says, which is ahead of it after a jump: for when something is revoked, which must
// not be taken for earlier than it is.
func (c *Clock) Latest() time.Time {
	now, wall := c.Now(), c.wall().Round(0).UTC()
	if ahead := wall.Sub(now); ahead > 0 {
		return now.Add(min(ahead, mostAhead))
	}
	return now
}

// Trust says whether the clock can be minted by: nil, or [ErrClock].
func (c *Clock) Trust() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jumped {
		return ErrClock
	}
	return nil
}
