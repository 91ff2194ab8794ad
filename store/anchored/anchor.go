package anchored

import (
	"encoding/hex"
	"errors"
	"fmt"
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

// load reads the anchor; there is none where ok is false.
func load(path string) (a anchor, ok bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return anchor{}, false, nil
	}
	if err != nil {
		return anchor{}, false, fmt.Errorf("anchor: %w", err)
	}
	if err := json.Unmarshal(text, &a, json.RejectUnknownMembers(true)); err != nil || a.Format != format {
		return anchor{}, false, fmt.Errorf("anchor %s is not one that this version can read; restore it from a backup", path)
	}
	return a, true, nil
}

// save replaces the anchor durably, as a whole or not at all.
func save(path string, a anchor) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".anchor-*") // 0600
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone if all went well
	_, err = temp.Write(append(text, '\n'))
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	return nil
}
