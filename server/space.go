package server

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/internal/folder"
)

// spaceEvery is how often the disk is looked at. What is issued between two looks is far less than the floor.
const spaceEvery = time.Second

// reserver keeps the reserve, or says why it isn't there.
type reserver interface{ Reserve() error }

// space follows the free space on the disks of the database and of the anchor.
type space struct {
	floor   uint64
	free    func(path string) (uint64, error)
	folders []string
	store   reserver
	low     atomic.Pointer[error]
}

func newSpace(c Config, p folder.Place, store reserver) *space {
	return &space{
		floor: uint64(c.DiskFloor), free: c.FreeSpace, store: store,
		folders: []string{filepath.Dir(p.Database()), filepath.Dir(p.Anchor)},
	}
}

// room says why nothing may be issued.
func (s *space) room() error {
	if low := s.low.Load(); low != nil {
		return *low
	}
	return nil
}

// disks are those of the database and of the anchor, by what they hold.
func (s *space) disks() map[string]string {
	return map[string]string{"database": s.folders[0], "anchor": s.folders[1]}
}

// lookAtDisk is the first look, before anything is served.
func (s *Server) lookAtDisk(context.Context) error {
	s.space.update()
	return nil
}

// update looks, and remembers what came of it.
func (s *space) update() {
	if err := s.look(); err != nil {
		s.low.Store(&err)
	} else {
		s.low.Store(nil)
	}
}

// follow looks until ctx is done. What was low is so no more as soon as there is space again.
func (s *space) follow(ctx context.Context) {
	every(ctx, spaceEvery, s.update)
}

// look compares what is free with the floor, and rebuilds the reserve while there is room.
func (s *space) look() error {
	for _, folder := range s.folders {
		free, err := s.free(folder)
		if err != nil {
			return fmt.Errorf("the free space of %s isn't known: %w", folder, err)
		}
		if free < s.floor {
			return fmt.Errorf("only %d MiB are free for %s, of at least %d: nothing is issued, revoking goes on; make room", free>>20, folder, s.floor>>20)
		}
	}
	if err := s.store.Reserve(); err != nil {
		return fmt.Errorf("nothing is issued, revoking goes on: %w", err)
	}
	return nil
}
