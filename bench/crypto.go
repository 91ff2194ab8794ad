package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Crypto is the bare cost of what no exchange can do without, in µs of CPU: the ES256 that targets are about, and the
// other algorithms that a key may have.
type Crypto struct {
	Sign, Verify           float64 // ES256, with a random nonce, as the standard library does by default
	SignByMessage          float64 // ES256, the nonce drawn from key and message (RFC 6979), as Whittle does
	EdDSASign, EdDSAVerify float64
	RS256Sign, RS256Verify float64
}

// Bare is one ES256 signature and one verification in µs of CPU, measured in one turn with rows.
type Bare struct {
	InFlight     int // of the rows of the turn
	Sign, Verify float64
}

var errSignature = errors.New("the signature does not verify")

func measureCrypto() (c Crypto, err error) {
	onP256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	_, onEdwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return c, err
	}
	of2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return c, err
	}
	message := make([]byte, 900) // about a token's signing input
	digest := sha256.Sum256(message)
	verifies := func(s []byte) bool { return ecdsa.VerifyASN1(&onP256.PublicKey, digest[:], s) }
	for _, a := range []struct {
		key          crypto.Signer
		random       io.Reader
		signed       []byte
		hash         crypto.Hash
		verify       func(signature []byte) bool
		sign, proven *float64
	}{
		{onP256, nil, digest[:], crypto.SHA256, verifies, &c.SignByMessage, &c.Verify},
		{onP256, rand.Reader, digest[:], crypto.SHA256, verifies, &c.Sign, &c.Verify},
		{onEdwards, rand.Reader, message, 0, func(s []byte) bool { return ed25519.Verify(onEdwards.Public().(ed25519.PublicKey), message, s) }, &c.EdDSASign, &c.EdDSAVerify},
		{of2048, rand.Reader, digest[:], crypto.SHA256, func(s []byte) bool { return rsa.VerifyPKCS1v15(&of2048.PublicKey, crypto.SHA256, digest[:], s) == nil }, &c.RS256Sign, &c.RS256Verify},
	} {
		*a.sign, *a.proven, err = signing(5, func() ([]byte, error) { return a.key.Sign(a.random, a.signed, a.hash) }, a.verify)
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// Disk is the bare cost of a durable commit, shared by as many as stand in each: sequential keys and values of 1,200 bytes,
// about an audit entry, into bbolt.
type Disk struct {
	Shared int
	CPU    float64 // µs an entry
	Wall   float64 // µs an entry
}

func measureDisk() (out []Disk, err error) {
	folder, err := os.MkdirTemp("", "whittle-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	db, err := bbolt.Open(filepath.Join(folder, "bare.db"), 0o600, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var n uint64
	for _, shared := range []int{1, 16, 64} {
		const commits = 100
		before, err := usage()
		if err != nil {
			return nil, err
		}
		for range commits {
			if err := db.Update(func(tx *bbolt.Tx) error { return appendBare(tx, &n, shared) }); err != nil {
				return nil, err
			}
		}
		after, err := usage()
		if err != nil {
			return nil, err
		}
		each := float64(commits*shared) * 1e3
		out = append(out, Disk{shared, float64((after.CPU - before.CPU).Nanoseconds()) / each, float64(after.At.Sub(before.At).Nanoseconds()) / each})
	}
	return out, nil
}

func appendBare(tx *bbolt.Tx, n *uint64, shared int) error {
	b, err := tx.CreateBucketIfNotExists([]byte("entries"))
	if err != nil {
		return err
	}
	b.FillPercent = 1
	for range shared {
		*n++
		key := []byte{byte(*n >> 24), byte(*n >> 16), byte(*n >> 8), byte(*n)}
		if err := b.Put(key, make([]byte, 1200)); err != nil {
			return err
		}
	}
	return nil
}

// cpuOf is the median of so many runs of a fifth of a second each, one after the other on one core.
func cpuOf(times int, op func() error) (float64, error) {
	var runs []float64
	for range times {
		before, err := usage()
		if err != nil {
			return 0, err
		}
		n := 0
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); n++ {
			if err := op(); err != nil {
				return 0, err
			}
		}
		after, err := usage()
		if err != nil {
			return 0, err
		}
		runs = append(runs, float64((after.CPU-before.CPU).Nanoseconds())/1e3/float64(n))
	}
	slices.Sort(runs)
	return runs[len(runs)/2], nil
}

// signing is what a signature and its verification cost, each the median of so many runs.
func signing(times int, sign func() ([]byte, error), verify func(signature []byte) bool) (signed, verified float64, err error) {
	var signature []byte
	signed, err = cpuOf(times, func() (err error) {
		signature, err = sign()
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	verified, err = cpuOf(times, func() error {
		if !verify(signature) {
			return errSignature
		}
		return nil
	})
	return signed, verified, err
}

// addBare measures the crypto that targets are about once more: a machine that others use is faster in one minute than in the next.
func (r *Results) addBare(inFlight int) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte("a token's signing input"))
	sign, verify, err := signing(1, func() ([]byte, error) { return key.Sign(rand.Reader, digest[:], crypto.SHA256) },
		func(s []byte) bool { return ecdsa.VerifyASN1(&key.PublicKey, digest[:], s) })
	r.Bare = append(r.Bare, Bare{inFlight, sign, verify})
	return err
}
