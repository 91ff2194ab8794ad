package anchored

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/store"
)

const format = 1

// anchor is how far the state had come.
type anchor struct {
	Format     int    `json:"format"`
	Generation string `json:"generation"`
	Size       uint64 `json:"size"` // of the audit log
	Head       string `json:"head"` // leaf hash of its newest entry
	Rev        uint64 `json:"rev"`  // number of the newest revocation
}

func anchorOf(m store.Meta) anchor {
	return anchor{
		Format: format, Generation: hex.EncodeToString(m.Generation[:]), Size: m.Size,
		Head: hex.EncodeToString(m.Head[:]), Rev: m.Rev,
	}
}

// load reads the anchor; there is none where found is false.
func load(path string) (a anchor, found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return anchor{}, false, nil
	}
	if err != nil {
		return anchor{}, false, fmt.Errorf("anchor: %w", err)
	}
	if err := json.Unmarshal(text, &a, json.RejectUnknownMembers(true)); err != nil || a.Format != format {
		return anchor{}, false, fmt.Errorf("%w: anchor %s is not one that this version can read; put a backup in its place", store.ErrCorrupt, path)
	}
	return a, true, nil
}

// save replaces the anchor durably, and as a whole or not at all: whoever reads it while or after the
// machine stops finds the one before or this one. What is left of an attempt is written over by the next.
func save(path string, a anchor) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	return nil
}
