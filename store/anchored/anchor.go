package anchored

import (
	"encoding/hex"
	"fmt"

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

func (a anchor) String() string {
	return fmt.Sprintf("generation %s with %d entries and revocation %d", a.Generation, a.Size, a.Rev)
}
