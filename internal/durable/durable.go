// Package durable makes files durable together with their names: what is written must still be there, and be
// found, after the power failed.
package durable

import (
	"errors"
	"os"
	"runtime"
)

// SyncFolder makes the names in a folder durable: of files that were made there, renamed or removed. Windows does that
// by itself and has no such call.
func SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
