package audit

import (
	"bytes"
	"container/list"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// maxPeople is how many key records are kept in memory, at some 300 bytes each.
const maxPeople = 1 << 14

// people knows under which key to seal whom. The store decides: a key from the cache is a guess that
// settle holds against the record inside the transaction that writes the entry.
type people struct {
	pepper []byte // keys the lookup, so that the store's keys can't be tried against a list of names
	random io.Reader

	mu    sync.Mutex
	byWho map[who]*list.Element // of *known
	order *list.List            // the last used first
}

// who is a principal's identity.
type who struct{ issuer, subject string }

type known struct {
	who    who
	record store.Person
}

func newPeople(pepper []byte, random io.Reader) *people {
	return &people{pepper: pepper, random: random, byWho: make(map[who]*list.Element), order: list.New()}
}

// sealer is the key to seal the person under: the one known, or else a new one.
func (p *people) sealer(w who, now time.Time) (sealer, error) {
	if record, ok := p.get(w); ok {
		return sealer{record: record, stored: true}, nil
	}
	record, err := p.newRecord(p.lookup(w), now)
	return sealer{record: record}, err
}

// lookup is how the store finds the person's record. Issuer names hold no zero byte.
func (p *people) lookup(w who) [32]byte {
	h := hmac.New(sha256.New, p.pepper)
	h.Write([]byte(w.issuer + "\x00" + w.subject))
	return [32]byte(h.Sum(nil))
}

func (p *people) newRecord(lookup [32]byte, now time.Time) (store.Person, error) {
	record := store.Person{Lookup: lookup, Key: make([]byte, 32), Since: now}
	if _, err := io.ReadFull(p.random, record.ID[:]); err != nil {
		return store.Person{}, fmt.Errorf("a person's key: %w", err)
	}
	if _, err := io.ReadFull(p.random, record.Key); err != nil {
		return store.Person{}, fmt.Errorf("a person's key: %w", err)
	}
	return record, nil
}

// settle makes sure that the person's key is in the store, or will be with the commit: the record that
// is there, the guess if there is none, and a new one if the guess was erased meanwhile.
func (p *people) settle(tx store.Tx, s *sealer, now time.Time) error {
	record, err := tx.Person(s.record.Lookup)
	if err == nil {
		record.Key = bytes.Clone(record.Key)
		s.record, s.stored = record, true
		return nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if s.stored {
		if s.record, err = p.newRecord(s.record.Lookup, now); err != nil {
			return err
		}
		s.stored = false
	}
	return tx.PutPerson(s.record)
}

func (p *people) get(w who) (store.Person, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.byWho[w]
	if !ok {
		return store.Person{}, false
	}
	p.order.MoveToFront(e)
	return e.Value.(*known).record, true
}

// forget drops what is known of the person.
func (p *people) forget(w who) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.byWho[w]; ok {
		p.order.Remove(e)
		delete(p.byWho, w)
	}
}

// learn keeps a record that is durable.
func (p *people) learn(w who, record store.Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.byWho[w]; ok {
		e.Value.(*known).record = record
		p.order.MoveToFront(e)
		return
	}
	p.byWho[w] = p.order.PushFront(&known{w, record})
	if p.order.Len() > maxPeople {
		oldest := p.order.Remove(p.order.Back()).(*known)
		delete(p.byWho, oldest.who)
	}
}
