package seal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// LoadFile reads a key-encryption key: 64 hexadecimal digits in a file that nobody but its owner may
// read. Where there is none, the error matches [os.ErrNotExist].
func LoadFile(path string) (*Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("key-encryption key: others may read %s (mode %04o); run: chmod 600 %s", path, mode, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) != KeySize {
		return nil, fmt.Errorf("key-encryption key: %s does not hold %d hexadecimal digits; restore it from a backup", path, 2*KeySize)
	}
	return NewKey(secret)
}

// CreateFile makes a key-encryption key where there is none yet; it never replaces one, since what
// it sealed would be lost.
func CreateFile(path string, random io.Reader) (*Key, error) {
	secret := make([]byte, KeySize)
	if _, err := io.ReadFull(random, secret); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	_, err = io.WriteString(f, hex.EncodeToString(secret)+"\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	return NewKey(secret)
}
