package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// scratch runs with a folder for all temporary files, of the servers too, which may become 15 GB. It goes with the run, also with
// one that is interrupted, which ends its servers first.
func scratch(run func(context.Context) error) error {
	folder, err := os.MkdirTemp("", "whittle-bench-")
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(folder, 0o711), os.Setenv("TMPDIR", folder)); err != nil { // PostgreSQL may run as another user
		return errors.Join(err, os.RemoveAll(folder))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // who interrupts again doesn't wait
	if err = run(ctx); ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	return errors.Join(err, os.RemoveAll(folder))
}
