package verify

import (
	"errors"
	"io/fs"
	"os"

	"github.com/whittle-sts/whittle/internal/durable"
)

// File is a memory in a file. What it remembers is worth what the file is: it belongs where the log's keeper
// can't write.
type File string

// Load implements [Memory].
func (f File) Load() ([]byte, error) {
	note, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return note, err
}

// Save implements [Memory]. The file holds the note before or this one, whenever the machine stops.
func (f File) Save(note []byte) error { return durable.Replace(string(f), note) }

// Forgetful is no memory, for who looks once.
type Forgetful struct{}

// Load implements [Memory].
func (Forgetful) Load() ([]byte, error) { return nil, nil }

// Save implements [Memory].
func (Forgetful) Save([]byte) error { return nil }
