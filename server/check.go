package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/whittle-sts/whittle/internal/loopback"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/bolt"
	"github.com/whittle-sts/whittle/store/sealed"
)

// Check says what can't work, as far as that shows without starting anything: each part by what the start itself is
// held to. What comes from a command is left out, and so is all that the database says.
func (c Config) Check(ctx context.Context) error {
	c, err := c.complete()
	if err != nil {
		return err
	}
	return errors.Join(c.checkAddresses(ctx), c.checkCertificate(), c.checkForwarding(), c.checkKEK(ctx))
}

// Warnings is what works and is hardly meant.
func (c Config) Warnings() []string {
	c.fill()
	at, err := resolve(context.Background(), c.AdminAddr)
	if err != nil || loopback.Address(at.String()) {
		return nil
	}
	return []string{fmt.Sprintf("listen.admin %s isn't a loopback address: metrics and health have no TLS and ask for no credential, so keep it to your own network", c.AdminAddr)}
}

func resolve(ctx context.Context, address string) (net.Addr, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return nil, err
	}
	if host == "" {
		return &net.TCPAddr{IP: net.IPv6unspecified, Port: port}, nil
	}
	found, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, err
	}
	return &net.TCPAddr{IP: found[0].IP, Zone: found[0].Zone, Port: port}, nil
}

func (c Config) checkAddresses(ctx context.Context) error {
	where := func(address string, rules ...func(net.Addr) error) error {
		at, err := resolve(ctx, address)
		for _, rule := range rules {
			if err == nil {
				err = rule(at)
			}
		}
		return err
	}
	return errors.Join(where(c.GRPCAddr, c.mayServe), where(c.HTTPAddr, c.mayServe, c.mayName), where(c.AdminAddr))
}

// mayServe refuses to send secrets and tokens in the clear to where others can read them.
func (c Config) mayServe(at net.Addr) error {
	if c.CertFile == "" && c.Plaintext == PlaintextLoopback && !loopback.Address(at.String()) {
		return fmt.Errorf("%s isn't a loopback address, and there is no TLS certificate (tls.cert, tls.key); "+
			"plaintext: anywhere is for who has something else encrypt", at)
	}
	return nil
}

// mayName refuses to name the issuer by an address that others see from elsewhere.
func (c Config) mayName(at net.Addr) error {
	if c.Issuer == "" && !loopback.Address(at.String()) {
		return fmt.Errorf("no issuer is set, and %s isn't a loopback address", at)
	}
	return nil
}

func (c Config) checkCertificate() error {
	if c.CertFile == "" {
		return nil
	}
	_, err := loadCertificate(c.CertFile, c.KeyFile, c.Logger)
	return err
}

func (c Config) checkForwarding() error {
	if c.Forward.Webhook == "" {
		return nil
	}
	if _, err := c.Forward.secrets(); err != nil {
		return fmt.Errorf("the webhook's secret: %w", err)
	}
	return nil
}

// checkKEK misses a key that is a file, for a database that was sealed under it.
func (c Config) checkKEK(ctx context.Context) error {
	place, err := c.Place()
	if err != nil || place.KEK.File() == "" {
		return err
	}
	_, missing := place.KEK.Load(ctx)
	if !errors.Is(missing, os.ErrNotExist) {
		return missing
	}
	if _, err := os.Stat(place.Database()); errors.Is(err, os.ErrNotExist) {
		return nil // the first start makes both
	}
	db, err := bolt.Open(bolt.Config{Path: place.Database(), ReadOnly: true, Unchecked: true})
	if errors.Is(err, store.ErrLocked) {
		return lostKEK(missing) // it is served, so it was sealed
	}
	if err != nil {
		return nil // it may be one that a first start was killed over: the start tells
	}
	defer db.Close()
	if is, err := sealed.IsSealed(ctx, db); !is {
		return err
	}
	return lostKEK(missing)
}

// lostKEK is the error for a database whose key isn't in its place. A new one would open nothing.
func lostKEK(missing error) error {
	return fmt.Errorf("%w; the database was sealed under it: restore it from a backup", missing)
}
