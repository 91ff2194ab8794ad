package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/durable"
)

// keepBackup writes a backup as it comes into a file that isn't there yet. Whatever goes wrong, no file of
// that name is left which isn't a whole backup.
func keepBackup(file string, receive func() (*whittlev1.BackupResponse, error)) (*whittlev1.BackupSummary, error) {
	part := file + ".partial"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	summary, err := copyBackup(f, receive)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(part))
	}
	// A link, unlike a renaming, doesn't replace what somebody else put there meanwhile.
	if err := os.Link(part, file); err == nil {
		err = os.Remove(part)
		return summary, errors.Join(err, durable.SyncFolder(filepath.Dir(file)))
	}
	return summary, errors.Join(os.Rename(part, file), durable.SyncFolder(filepath.Dir(file)))
}

// copyBackup writes the pieces and holds them against the summary, which comes last.
func copyBackup(w io.Writer, receive func() (*whittlev1.BackupResponse, error)) (*whittlev1.BackupSummary, error) {
	sum, size := sha256.New(), uint64(0)
	for {
		m, err := receive()
		switch {
		case errors.Is(err, io.EOF):
			return nil, errors.New("the backup ended before it was whole")
		case err != nil:
			return nil, err
		case m.GetSummary() == nil:
			sum.Write(m.GetData())
			size += uint64(len(m.GetData()))
			if _, err := w.Write(m.GetData()); err != nil {
				return nil, err
			}
		case m.GetSummary().GetBytes() != size, !bytes.Equal(m.GetSummary().GetSha256(), sum.Sum(nil)):
			return nil, errors.New("what came isn't what was sent: its checksum differs")
		default:
			return m.GetSummary(), nil
		}
	}
}
