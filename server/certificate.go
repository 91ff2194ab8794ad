package server

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// lookAfter is how often the certificate's files are looked at. Asking the file system works for a
// rename, for Kubernetes' swap of a link to a folder, and on network mounts, which events don't.
const lookAfter = time.Second

// certificate is the pair in force, taken anew when its files change. A new pair that can't be used is
// logged, and the old one stays: renewing happens when nobody looks.
type certificate struct {
	certFile, keyFile string
	logger            *slog.Logger

	current atomic.Pointer[tls.Certificate]
	seen    [2]os.FileInfo // of the files that were last tried
}

func loadCertificate(certFile, keyFile string, logger *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, logger: logger}
	if _, err := c.changed(); err != nil {
		return nil, err
	}
	return c, c.load()
}

// get is for [tls.Config.GetCertificate].
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

// expires is when the pair in force ends.
func (c *certificate) expires() time.Time { return c.current.Load().Leaf.NotAfter }

func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.current.Store(&pair)
	return nil
}

// changed says whether a file is another one than when this was last asked. It is asked before the
// files are read, so a change meanwhile shows the next time.
func (c *certificate) changed() (changed bool, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		now, err := os.Stat(name)
		if err != nil {
			return false, err // in the middle of a swap; there will be one
		}
		old := c.seen[i]
		if old == nil || !os.SameFile(old, now) || !old.ModTime().Equal(now.ModTime()) || old.Size() != now.Size() {
			c.seen[i], changed = now, true
		}
	}
	return changed, nil
}

// look takes a changed pair into use.
func (c *certificate) look() {
	if changed, err := c.changed(); err != nil || !changed {
		return
	}
	if err := c.load(); err != nil {
		c.logger.Error("the new certificate can't be used; the old one stays", slog.String("error", err.Error()))
		return
	}
	c.logger.Info("a new certificate is in use", slog.Time("expires", c.expires()))
}

// follow looks until ctx is done.
func (c *certificate) follow(ctx context.Context) {
	every(ctx, lookAfter, c.look)
}
