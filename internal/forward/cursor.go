package forward

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/durable"
)

// cursor is how far the receiver has confirmed.
type cursor struct {
	Next uint64 `json:"next"`           // the first entry that isn't
	Leaf []byte `json:"leaf,omitempty"` // leaf hash of the one before it, which tells one log from another
}

// readCursor reads a cursor; one that isn't there, or can't be read, is at the beginning: rather twice than never.
func readCursor(path string) (c cursor, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return cursor{}, nil
	}
	if err != nil {
		return cursor{}, err
	}
	if err := json.Unmarshal(text, &c, json.RejectUnknownMembers(true)); err != nil {
		return cursor{}, nil //nolint:nilerr // as above
	}
	return c, nil
}

// write makes the cursor durable. The file holds this one or the one before, whenever the machine stops.
func (c cursor) write(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("remember what was confirmed: %w", err)
		}
	}()
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.Replace(path, text)
}
