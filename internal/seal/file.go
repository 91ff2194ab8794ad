package seal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/whittle-sts/whittle/internal/durable"
	"github.com/whittle-sts/whittle/internal/private"
)

const maxFile = 1 << 10 // bytes; more can't be a key

// LoadFile reads a key-encryption key: 64 hexadecimal digits in a file that nobody but its owner may
// read. Where there is none, the error matches [os.ErrNotExist].
func LoadFile(path string) (*LocalKEK, error) {
	text, err := private.Read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	kek, err := parseKEK(string(text))
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: %s: %w; restore it from a backup", path, err)
	}
	return kek, nil
}

// CreateFile makes a key-encryption key where there is none yet; it never replaces one, since what
// it sealed would be lost.
func CreateFile(path string, random io.Reader) (*LocalKEK, error) {
	secret := make([]byte, KeySize)
	if _, err := io.ReadFull(random, secret); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	err := durable.Make(path, func(path string) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = io.WriteString(f, hex.EncodeToString(secret)+"\n")
		return errors.Join(err, f.Sync(), f.Close())
	})
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	return NewLocalKEK(secret)
}
