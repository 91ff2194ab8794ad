package guard

import (
	"net/netip"
	"sync"
)

// Shares is something that strangers hold together, of which one network gets no more than its share: others still find some. This
// host's own address may have all of it, since whatever stands there before the server brings everybody.
type Shares struct {
	all, each int

	mu        sync.Mutex
	held      int
	byNetwork map[network]int
}

// NewShares is so much in all, and for each network.
func NewShares(all, each int) *Shares {
	return &Shares{all: all, each: each, byNetwork: make(map[network]int)}
}

// Take takes n for whoever is at remote, unless that is more than is left. What is taken is to be given back.
func (s *Shares) Take(remote netip.AddrPort, n int) bool {
	from, each := networkOf(remote), s.each
	if remote.Addr().Unmap().IsLoopback() {
		each = s.all
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held+n > s.all || s.byNetwork[from]+n > each {
		return false
	}
	s.held += n
	s.byNetwork[from] += n
	return true
}

// Give gives n back.
func (s *Shares) Give(remote netip.AddrPort, n int) {
	from := networkOf(remote)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= n
	if s.byNetwork[from] -= n; s.byNetwork[from] == 0 {
		delete(s.byNetwork, from)
	}
}
