package anchored

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/durable"
	"github.com/whittle-sts/whittle/store"
)

// An anchor's file is two slots, written in turn and in place: whatever stops a write, the other slot
// is whole, and a new anchor needs no space on the disk, so that a full one doesn't stop revoking.
const (
	slots    = 2
	slotSize = 4096 // a page, so that no write touches both
)

// File is what an anchor's file has to do.
type File interface {
	WriteAt(b []byte, offset int64) (int, error)
	Sync() error
	Close() error
}

// slot is one line of the file, filled up with spaces.
type slot struct {
	anchor
	Count uint64 `json:"count"` // anchors written before this one
	Sum   uint32 `json:"sum"`   // CRC-32C of the same line with a sum of 0
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s slot) encode() ([]byte, error) {
	s.Sum = 0
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("anchor: %w", err)
	}
	s.Sum = crc32.Checksum(text, castagnoli)
	if text, err = json.Marshal(s); err != nil {
		return nil, fmt.Errorf("anchor: %w", err)
	}
	line := bytes.Repeat([]byte{' '}, slotSize)
	copy(line, text)
	line[slotSize-1] = '\n'
	return line, nil
}

// decode says whether the line is exactly one that encode makes.
func (s *slot) decode(line []byte) bool {
	if json.Unmarshal(line, s, json.RejectUnknownMembers(true)) != nil || s.Format != format {
		return false
	}
	again, err := s.encode()
	return err == nil && bytes.Equal(again, line)
}

// load reads the newest anchor; there is none where found is false. Half says that only one slot can be
// read: the other one was being written when the machine stopped, or is damaged.
func load(path string) (newest slot, found, half bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return slot{}, false, false, nil
	}
	if err != nil {
		return slot{}, false, false, fmt.Errorf("anchor: %w", err)
	}
	good := 0
	for i := 0; len(text) == slots*slotSize && i < slots; i++ {
		var s slot
		if !s.decode(text[i*slotSize:][:slotSize]) || s.Count%slots != uint64(i) {
			continue
		}
		if good == 0 || s.Count > newest.Count {
			newest = s
		}
		good++
	}
	if good == 0 {
		return slot{}, false, false, fmt.Errorf("%w: anchor %s is not one that this version can read; put a backup in its place", store.ErrCorrupt, path)
	}
	return newest, true, good < slots, nil
}

// save writes a slot durably in the place of the older one.
func (s *Store) save(next slot) error {
	line, err := next.encode()
	if err != nil {
		return err
	}
	f, err := s.openFile(s.path)
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	_, err = f.WriteAt(line, int64(next.Count%slots)*slotSize)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	return nil
}

// create makes the file with both slots durably, as a whole or not at all. What is left of an attempt is
// written over by the next.
func create(path string, a anchor) error {
	var text []byte
	for i := range uint64(slots) {
		line, err := slot{anchor: a, Count: i}.encode()
		if err != nil {
			return err
		}
		text = append(text, line...)
	}
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	return nil
}

func openFile(path string) (File, error) { return os.OpenFile(path, os.O_WRONLY, 0) }
