package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/whittle-sts/whittle/server"
)

func TestTLSIsOnePointThree(t *testing.T) {
	c := settings(t)
	pool := certify(t, &c)
	c.Issuer = "https://sts.example.com"
	s := running(t, c)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	res, err := client.Get(s.HTTPURL() + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 || res.ProtoMajor != 2 || res.TLS.Version != tls.VersionTLS13 {
		t.Errorf("%s over %s", res.Status, res.Proto)
	}
	for _, addr := range []string{strings.TrimPrefix(s.HTTPURL(), "https://"), s.GRPCAddr()} {
		if conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}); err == nil {
			conn.Close()
			t.Errorf("%s takes TLS 1.2", addr)
		}
	}
	conn, err := grpc.NewClient(s.GRPCAddr(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := grpc_health_v1.NewHealthClient(conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Errorf("gRPC: %v", err)
	}
}

// certify makes a certificate for 127.0.0.1 and puts it into the settings.
func certify(t *testing.T, c *server.Config) *x509.CertPool {
	t.Helper()
	folder := t.TempDir()
	c.CertFile, c.KeyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	pool := x509.NewCertPool()
	pool.AddCert(issue(t, folder, 1))
	return pool
}

// issue writes a certificate with the serial number, and its key, into the folder.
func issue(t *testing.T, folder string, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestTLSOnePointTwoBySetting(t *testing.T) {
	c := settings(t)
	pool := certify(t, &c)
	c.Issuer, c.MinTLS = "https://sts.example.com", "1.2"
	s := running(t, c)
	for _, addr := range []string{strings.TrimPrefix(s.HTTPURL(), "https://"), s.GRPCAddr()} {
		for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
			conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: version, NextProtos: []string{"h2"}})
			if err == nil {
				conn.Close()
			}
			if (err == nil) != want {
				t.Errorf("%s and %s: %v", addr, tls.VersionName(version), err)
			}
		}
	}
}

// A certificate is renewed as certbot and Kubernetes do it, by a link that points elsewhere from one
// moment to the next, while clients connect all the time. None of them fails.
func TestACertificateIsRenewedUnderLoad(t *testing.T) {
	c := settings(t)
	c.Issuer = "https://sts.example.com"
	var log lines
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	current, pool := filepath.Join(t.TempDir(), "current"), x509.NewCertPool()
	first, second, broken := t.TempDir(), t.TempDir(), t.TempDir()
	pool.AddCert(issue(t, first, 1))
	pool.AddCert(issue(t, second, 2))
	relink(t, first, current)
	c.CertFile, c.KeyFile = filepath.Join(current, "cert.pem"), filepath.Join(current, "key.pem")
	s := running(t, c)
	web := strings.TrimPrefix(s.HTTPURL(), "https://")

	ctx, stop := context.WithCancel(context.Background())
	var load sync.WaitGroup
	var requests atomic.Int64
	for range 4 {
		load.Go(func() {
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
			for ctx.Err() == nil {
				res, err := client.Get(s.HTTPURL() + "/oauth2/jwks")
				if err != nil {
					t.Errorf("in the middle of it: %v", err)
					return
				}
				res.Body.Close()
				requests.Add(1)
			}
		})
	}
	defer func() { stop(); load.Wait() }()
	serves := func(serial int64) {
		t.Helper()
		for _, addr := range []string{web, s.GRPCAddr()} {
			waitUntil(t, func() bool { return serialOf(t, addr, pool) == serial })
		}
	}
	serves(1)
	issue(t, broken, 3)
	if err := os.WriteFile(filepath.Join(broken, "key.pem"), []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	relink(t, broken, current)
	waitUntil(t, func() bool { return strings.Contains(log.String(), "the old one stays") })
	serves(1)
	relink(t, second, current)
	serves(2)
	if before := requests.Load(); before == 0 {
		t.Error("there was no load")
	} else {
		waitUntil(t, func() bool { return requests.Load() > before })
	}
}

// relink makes the link point to the folder, from one moment to the next.
func relink(t *testing.T, folder, link string) {
	t.Helper()
	fresh := link + ".fresh"
	if err := os.Symlink(folder, fresh); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, link); err != nil {
		t.Fatal(err)
	}
}

func serialOf(t *testing.T, addr string, pool *x509.CertPool) int64 {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// running is a server with the settings, until the test ends.
func running(t *testing.T, c server.Config) *server.Server {
	t.Helper()
	s, err := server.New(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, s.Close()); err != nil {
			t.Errorf("it ended badly: %v", err)
		}
	})
	return s
}

func waitUntil(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came to that")
		}
	}
}
