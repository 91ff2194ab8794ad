package policy

import (
	"regexp"
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // zones must mean the same on a machine without a zone database

	"go.yaml.in/yaml/v4"
)

// hours is a window that opens on some days of the week.
type hours struct {
	days     [7]bool // by time.Weekday
	from, to int     // minutes of the day, from < to
	zone     *time.Location
}

// window is the window that opens on the day that is a number of days after the one of now, in
// the zone. Both ends are moments, so a change of the clocks shifts them but never opens twice.
func (h *hours) window(now time.Time, after int) (opens, closes time.Time, ok bool) {
	y, m, d := now.In(h.zone).Date()
	day := time.Date(y, m, d+after, 12, 0, 0, 0, h.zone)
	if !h.days[day.Weekday()] {
		return time.Time{}, time.Time{}, false
	}
	opens = time.Date(y, m, d+after, 0, h.from, 0, 0, h.zone)
	closes = time.Date(y, m, d+after, 0, h.to, 0, 0, h.zone)
	return opens, closes, true
}

// open says whether now is in a window, and when that may change next.
func (h *hours) open(now time.Time) (in bool, until time.Time) {
	for after := -1; after <= 8; after++ {
		opens, closes, ok := h.window(now, after)
		switch {
		case !ok || !now.Before(closes):
			continue
		case now.Before(opens):
			return false, opens
		default:
			return true, closes
		}
	}
	return false, time.Time{}
}

var clockTime = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])$|^(24):(00)$`)

func (c *compiler) hours(n *yaml.Node) *hours {
	if n == nil {
		return nil
	}
	f, ok := c.fields(n, shape{what: "hours", required: "days from to", optional: "zone"})
	if !ok {
		return nil
	}
	h := &hours{zone: time.UTC, from: c.minutes(f.get("from")), to: c.minutes(f.get("to"))}
	week := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	for _, e := range c.list(f.get("days"), "days", 7) {
		if day := c.choice(e, "a day", week...); day != "" {
			h.days[slices.Index(week, day)] = true
		}
	}
	c.notEmpty(f.get("days"), "days")
	if h.from >= h.to && h.to >= 0 {
		c.fail(f.get("from"), "from must come before to; for a night write two bindings, one to \"24:00\" and one from \"00:00\"")
	}
	if zone := c.text(f.get("zone"), "zone"); zone != "" {
		loaded, err := time.LoadLocation(zone)
		if err != nil || zone == "Local" {
			c.fail(f.get("zone"), "there is no zone %q; write one of the IANA database, as in Europe/Berlin", zone)
			return nil
		}
		h.zone = loaded
	}
	return h
}

func (c *compiler) minutes(n *yaml.Node) int {
	m := clockTime.FindStringSubmatch(n.Value)
	if m == nil || n.Kind != yaml.ScalarNode {
		c.fail(n, "write a time of day from \"00:00\" to \"24:00\"")
		return -1
	}
	hour, _ := strconv.Atoi(m[1] + m[3]) // the pattern admits digits only
	minute, _ := strconv.Atoi(m[2] + m[4])
	return hour*60 + minute
}
