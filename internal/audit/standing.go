package audit

import "maps"

// standing is which people's keys the sequencer knows to be in the store: it is the one writer, so what was
// durable and not erased since is still there. That spares each entry a look at the record, which has to be
// decoded and unsealed. Only the sequencer may use it.
type standing struct {
	durable map[[32]byte][16]byte // the key's ID by the person's lookup
	batch   map[[32]byte][16]byte // read or written in the commit under way
}

func newStanding() *standing {
	return &standing{durable: make(map[[32]byte][16]byte), batch: make(map[[32]byte][16]byte)}
}

// has says whether the person's key is known to be this one.
func (s *standing) has(lookup [32]byte, id [16]byte) bool {
	known, ok := s.batch[lookup]
	if !ok {
		known, ok = s.durable[lookup]
	}
	return ok && known == id
}

func (s *standing) settled(lookup [32]byte, id [16]byte) { s.batch[lookup] = id }

// erased is called before the record is deleted, in the same transaction, and holds whatever becomes of it.
func (s *standing) erased(lookup [32]byte) {
	delete(s.durable, lookup)
	delete(s.batch, lookup)
}

// committed ends a commit.
func (s *standing) committed(durable bool) {
	if durable {
		if len(s.durable) > maxPeople {
			clear(s.durable)
		}
		maps.Copy(s.durable, s.batch)
	}
	clear(s.batch)
}
