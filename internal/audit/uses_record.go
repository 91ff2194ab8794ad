package audit

import (
	"cmp"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/internal/exact"
)

// usesBytes is how much of an entry rows may take.
const usesBytes = MaxEntry - 2<<10

// countedUses is what was taken to be written: the rows of one resource server in one minute, as much as fits into an entry.
type countedUses struct {
	server string
	minute int64
	rows   []usageRow
}

// usageRow is a row with what it is made of, so that it can go on being counted if it can't be written.
type usageRow struct {
	bearer  Bearer
	purpose Purpose
	count   uint64
}

// take ends the counts of all minutes before this one and, if now is set, of all.
func (u *uses) take(before int64, now bool) []countedUses {
	by := make(map[tallyKey][]usageRow) // token left empty
	for i := range u.shards {
		s := &u.shards[i]
		s.Lock()
		for key, m := range s.tallies {
			if !now && m.minute >= before {
				continue
			}
			delete(s.tallies, key)
			s.rows -= len(*m.list.Load())
			group := tallyKey{server: key.server, minute: key.minute}
			for _, t := range *m.list.Swap(new([]*purposeTally)) { // tokens that are remembered remember their last minute, too
				by[group] = append(by[group], usageRow{m.bearer, t.purpose, uint64(t.count.Swap(ended))})
			}
		}
		for server, o := range s.others {
			if now || o.minute < before {
				delete(s.others, server)
				group := tallyKey{server: server, minute: o.minute}
				by[group] = append(by[group], usageRow{bearer: Bearer{Server: server}, count: o.count})
			}
		}
		s.Unlock()
	}
	return split(by)
}

// split makes of each group as few parts as fit into an entry each, in an order that doesn't depend on a map's.
func split(by map[tallyKey][]usageRow) (parts []countedUses) {
	for group, rows := range by {
		slices.SortFunc(rows, func(a, b usageRow) int {
			return cmp.Or(slices.Compare(a.bearer.Task[:], b.bearer.Task[:]), slices.Compare(a.bearer.Token[:], b.bearer.Token[:]),
				cmp.Compare(a.purpose.Scope, b.purpose.Scope), cmp.Compare(a.purpose.Action, b.purpose.Action))
		})
		begin, size := 0, 0
		for i, r := range rows {
			if size += r.most(); size > usesBytes {
				parts = append(parts, countedUses{group.server, group.minute, rows[begin:i]})
				begin, size = i, r.most()
			}
		}
		parts = append(parts, countedUses{group.server, group.minute, rows[begin:]})
	}
	slices.SortFunc(parts, func(a, b countedUses) int {
		return cmp.Or(cmp.Compare(a.minute, b.minute), cmp.Compare(a.server, b.server))
	})
	return parts
}

// most is at least the bytes of the row in an entry.
func (r *usageRow) most() int {
	const members = len(`{"action":"","client":"","count":9007199254740992,"scope":"","task":"","token":"","uncovered":true},`) + 2*22
	n := members
	for _, text := range []string{r.purpose.Action, r.purpose.Scope, r.bearer.Client} {
		if n += len(text); !exact.Plain(text) {
			n += len(`u0000`) * len(text) // behind a backslash, at worst
		}
	}
	return n
}

func (c *countedUses) event() Event {
	rows := make([]Usage, len(c.rows))
	for i, r := range c.rows {
		rows[i] = r.usage()
	}
	return Event{
		Kind: KindUses, Outcome: OutcomeDone, Client: c.server,
		Uses: &Uses{Minute: time.Unix(c.minute*60, 0).UTC(), Rows: rows},
	}
}

func (r *usageRow) usage() Usage {
	u := Usage{Client: r.bearer.Client, Scope: r.purpose.Scope, Action: r.purpose.Action, Uncovered: r.purpose.Uncovered, Count: r.count}
	if r.bearer.Token != [16]byte{} {
		u.Token, u.Task = toText(r.bearer.Token[:]), toText(r.bearer.Task[:])
	}
	return u
}

// Usage is the row of one use that has an entry of its own.
func (b Bearer) Usage(p Purpose) Usage {
	row := usageRow{b, p, 1}
	return row.usage()
}

// recordUses is the one goroutine that writes counts: when their minute is over, when they have been in memory for long
// enough, when there is little room left, and at the end.
func (l *Log) recordUses() {
	u := l.uses
	defer close(u.stopped)
	tick := time.NewTicker(min(flushEvery, u.every))
	defer tick.Stop()
	w := usesWriter{log: l, written: l.now()}
	for {
		select {
		case <-tick.C:
			w.write(false)
		case <-u.full:
			w.write(true)
		case <-u.quit:
			u.close()
			l.writeUses(u.take(0, true))
			return
		}
	}
}

// usesWriter is what was written so far.
type usesWriter struct {
	log     *Log
	minute  int64     // before which all is
	written time.Time // when all was
	again   bool      // but for what failed
}

func (w *usesWriter) write(early bool) {
	u, now := w.log.uses, w.log.now()
	switch {
	case early && w.again:
		return // it isn't tried more often than once a tick
	case w.log.room() != nil:
		w.again = true // the counts wait
		return
	}
	all := early || u.every < time.Minute && now.Sub(w.written) >= u.every
	minute := now.Unix() / 60
	if !all && !w.again && minute == w.minute {
		return
	}
	w.again = !w.log.writeUses(u.take(minute, all))
	w.minute = minute
	if all && !w.again {
		w.written = now
	}
}

// writeUses writes counts. What can't be written goes on being counted, so that nothing is lost while the
// process lives; if it is uncertain whether it was written, it may come twice.
func (l *Log) writeUses(parts []countedUses) (ok bool) {
	defer l.uses.writing.Store(0)
	events := make([]Event, len(parts))
	for i := range parts {
		events[i] = parts[i].event()
		for _, r := range parts[i].rows {
			l.uses.writing.Add(r.count)
		}
	}
	ok = true
	for i, err := range l.recordAll(events) {
		if err == nil {
			continue
		}
		ok = false
		for _, r := range parts[i].rows {
			l.uses.count(r.bearer, parts[i].minute, r.purpose, int64(r.count))
		}
	}
	return ok
}

// close has nothing counted any more.
func (u *uses) close() {
	for i := range u.shards {
		u.shards[i].Lock()
		u.shards[i].closed = true
		u.shards[i].Unlock()
	}
}

// stop ends the writer, once it has recorded everything. What can't be written then is lost.
func (u *uses) stop() {
	u.once.Do(func() { close(u.quit) })
	<-u.stopped
}
