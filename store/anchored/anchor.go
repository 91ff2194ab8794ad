package anchored

import (
	"encoding/hex"

	"github.com/whittle-sts/whittle/store"
)

const format = 2

// anchor is how far the state had come.
type anchor struct {
	Format     int    `json:"format"`
	Generation string `json:"generation"`
	Size       uint64 `json:"size"` // of the audit log's tree
	Root       string `json:"root"` // its root
	Rev        uint64 `json:"rev"`  // number of the newest revocation
}

func anchorOf(m store.Meta) anchor {
	return anchor{
		Format: format, Generation: hex.EncodeToString(m.Generation[:]), Size: m.Treed,
		Root: hex.EncodeToString(m.Root[:]), Rev: m.Rev,
	}
}

// State is what an anchor says. Hash and generation are hexadecimal.
type State struct {
	Generation string
	Size       uint64
	Root       string
	Rev        uint64
}

// Read is what the anchor at path says; found is false where there is none.
func Read(path string) (s State, found bool, err error) {
	a, found, _, err := load(path)
	return State{Generation: a.Generation, Size: a.Size, Root: a.Root, Rev: a.Rev}, found, err
}
