package folder

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/whittle-sts/whittle/internal/durable"
)

// archive keeps the old log, so that what it proves can still be shown: the backup under the state that it
// holds, and the database that is replaced, damaged or not, under its own hash.
func (r *Restore) archive() ([]string, error) {
	folder := r.place.archive()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	backup := filepath.Join(folder, fmt.Sprintf("%s-%d.db", r.Backup.Generation, r.Backup.Size))
	kept := []string{backup}
	if !exists(backup) {
		if err := copyFile(r.file, backup); err != nil {
			return nil, fmt.Errorf("archive the backup: %w", err)
		}
	}
	if exists(r.place.Database()) {
		sum, err := hashOf(r.place.Database())
		if err != nil {
			return nil, err
		}
		replaced := filepath.Join(folder, "replaced-"+sum[:16]+".db")
		if kept = append(kept, replaced); !exists(replaced) {
			if err := link(r.place.Database(), replaced); err != nil {
				return nil, fmt.Errorf("archive the database: %w", err)
			}
		}
	}
	return kept, errors.Join(durable.SyncFolder(folder), durable.SyncFolder(filepath.Dir(folder)))
}

// link gives a file a second name, or makes a copy where it can't have one.
func link(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return copyFile(from, to)
	}
	return nil
}

// copyFile makes a copy that is there as a whole or not at all.
func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	part := to + ".partial"
	target, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	if err := errors.Join(err, target.Sync(), target.Close()); err != nil {
		return err
	}
	return os.Rename(part, to)
}

func hashOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
