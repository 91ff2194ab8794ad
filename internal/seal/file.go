package seal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/whittle-sts/whittle/internal/durable"
)

const maxFile = 1 << 10 // bytes; more can't be a key

// LoadFile reads a key-encryption key: 64 hexadecimal digits in a file that nobody but its owner may
// read. Where there is none, the error matches [os.ErrNotExist].
func LoadFile(path string) (*LocalKEK, error) {
	text, err := readOwn(path)
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	kek, err := parseKEK(string(text))
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: %s: %w; restore it from a backup", path, err)
	}
	return kek, nil
}

// readOwn reads a small file that nobody but its owner may read or write. What is checked is the
// file that is read, whatever the path leads to a moment later.
func readOwn(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("others may use %s (mode %04o); run: chmod 600 %s", path, mode, path)
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
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
