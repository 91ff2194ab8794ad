package server

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/internal/loopback"
	"github.com/whittle-sts/whittle/internal/seal"
	"github.com/whittle-sts/whittle/internal/token"
)

// Config is the static settings. What is empty gets the default named beside it.
type Config struct {
	// Issuer is this server's identifier (RFC 8414 section 2): https, or http on a loopback address.
	// Default: the URL of the HTTP listener, if that is on a loopback address.
	Issuer string

	DataDir string // the state lives here; needed
	// KEK is where the key-encryption key comes from: a path or file:PATH, made at the first start; env:NAME; or
	// command:PROGRAM ARGUMENTS. Keep it on another medium than the database. Default: DataDir/keys/kek.
	KEK string
	// KEKNext is where the key comes from that the next rotation of it puts to work. Default: a new file in the
	// place of the one before.
	KEKNext string
	// Anchor is the file that says how far the state had come, so that an older database isn't served. Default:
	// beside a KEK that is a file, else DataDir/keys/anchor.
	Anchor string

	GRPCAddr  string // native gRPC. Default: 127.0.0.1:9090
	HTTPAddr  string // Connect, gRPC-Web and OAuth. Default: 127.0.0.1:8080
	AdminAddr string // health and metrics, no secrets, never for the public. Default: 127.0.0.1:9091

	// CertFile and KeyFile (PEM) turn on TLS. Without them the first two listeners must be on
	// loopback addresses: secrets and tokens don't travel in the clear.
	CertFile, KeyFile string
	MinTLS            string // the oldest version of TLS that is taken: 1.3 (default) or 1.2
	Plaintext         string // without TLS: [PlaintextLoopback] (default) or [PlaintextAnywhere]

	// PolicyFile is the policy that goes into a store that has none yet. Default: none.
	PolicyFile string

	// Witnesses co-sign the audit log's checkpoints. None: nobody but the anchor sees a log that goes back.
	// Each is its URL and its verifier key, with a space between.
	Witnesses     []string
	WitnessQuorum int // how many of them make a checkpoint a witnessed one. Default: all

	// RecordUses is how long uses of tokens may be counted in memory only: what a crash may lose. At most, and by
	// default, a minute.
	RecordUses time.Duration

	// Forward says to whom the audit log's entries are handed on.
	Forward Forward

	// Retention is how long bodies of the audit log's entries are kept, by their class ("issued", "refused", "used",
	// "revoked"). Default: for good.
	Retention Retention

	CORSOrigins   []string       // whose scripts may call Connect and read keys and metadata; none: nobody's
	Reflection    bool           // gRPC server reflection
	AllowNetworks []netip.Prefix // networks beyond the public Internet, this host included, in which outside issuers may live
	SigningAlg    string         // of new signing keys: ES256 (default), RS256 or EdDSA
	AcceptClock   bool           // trust the wall clock although it jumped
	NewBootstrap  bool           // make a bootstrap credential also at a later start than the first

	// ShowBootstrap shows the bootstrap credential that a start made to the operator, before the start goes on: what
	// stops it later takes nothing away. Default: [Server.Bootstrap] has it, and who calls that shows it.
	ShowBootstrap func(client string, secret token.Secret) error

	// DiskFloor is the free space, in bytes, on the disks of database and anchor below which nothing is issued;
	// revoking goes on. Default: 64 MiB.
	DiskFloor int
	Reserve   int64                             // bytes that the database keeps for revoking on a full disk. Default: 8 MiB
	FreeSpace func(path string) (uint64, error) // default: the system's

	Limits     Limits        // what is 0 is at its default
	DrainDelay time.Duration // from the moment that /readyz says no until listeners close: a balancer's time to notice
	DrainTime  time.Duration // how long requests in flight have then. Default: 15 s

	Logger    *slog.Logger // default: discards
	LogSample int          // one good answer in so many is logged. Default: none
	Tracer    trace.Tracer // default: nothing is traced
	Version   string       // of this build, for the metrics

	Now     func() time.Time     // the wall clock. Default: time.Now
	Elapsed func() time.Duration // only ever runs on. Default: since New
	Random  io.Reader            // cryptographic. Default: crypto/rand
}

// Retention is how long bodies of the audit log's entries are kept; zero: for good.
type Retention struct{ Issued, Refused, Used, Revoked time.Duration }

func (r Retention) classes() map[audit.Class]time.Duration {
	return map[audit.Class]time.Duration{
		audit.ClassIssued: r.Issued, audit.ClassRefused: r.Refused, audit.ClassUsed: r.Used, audit.ClassRevoked: r.Revoked,
	}
}

// What [Config.Plaintext] may be.
const (
	PlaintextLoopback = "loopback" // on loopback addresses only
	PlaintextAnywhere = "anywhere" // whoever is on the way reads secrets and tokens, unless something else encrypts
)

var errNoData = errors.New("no data folder is set (" + setData + "); to begin, whittle init makes one with all that it needs")

const setData = "data in the settings' file, WHITTLE_DATA or --data"

// complete fills in defaults and says what can't work.
func (c Config) complete() (Config, error) {
	if c.DataDir == "" {
		return c, errNoData
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return c, errors.New("TLS needs both a certificate file and a key file")
	}
	for _, origin := range c.CORSOrigins {
		if err := checkOrigin(origin); err != nil {
			return c, err
		}
	}
	c.fill()
	if err := c.Forward.check(); err != nil {
		return c, err
	}
	if !slices.Contains([]string{"1.2", "1.3"}, c.MinTLS) {
		return c, fmt.Errorf("TLS %q: the oldest version taken is 1.2 or 1.3", c.MinTLS)
	}
	if !slices.Contains([]string{PlaintextLoopback, PlaintextAnywhere}, c.Plaintext) {
		return c, fmt.Errorf("plaintext %q: must be %s or %s", c.Plaintext, PlaintextLoopback, PlaintextAnywhere)
	}
	if !slices.Contains(token.SigningAlgorithms(), c.SigningAlg) {
		return c, fmt.Errorf("signing algorithm %q: must be one of %s", c.SigningAlg, strings.Join(token.SigningAlgorithms(), ", "))
	}
	if c.Issuer != "" {
		return c, checkIssuer(c.Issuer)
	}
	return c, nil
}

// Place is where the state lives by these settings, for what looks after a folder that nobody serves.
func (c Config) Place() (folder.Place, error) {
	if c.DataDir == "" {
		return folder.Place{}, errNoData
	}
	if info, err := os.Stat(c.DataDir); err == nil && !info.IsDir() {
		return folder.Place{}, fmt.Errorf("the data folder is %s, which is none: name another (%s)", c.DataDir, setData)
	}
	keys := filepath.Join(c.DataDir, "keys")
	kek, err := seal.ParseSource(cmp.Or(c.KEK, filepath.Join(keys, "kek")))
	if err != nil {
		return folder.Place{}, err
	}
	if kek.File() != "" {
		keys = filepath.Dir(kek.File())
	}
	return folder.Place{Data: c.DataDir, KEK: kek, Anchor: cmp.Or(c.Anchor, filepath.Join(keys, "anchor"))}, nil
}

func (c *Config) fill() {
	standard := Defaults()
	c.DiskFloor = cmp.Or(c.DiskFloor, standard.DiskFloor)
	c.Reserve = cmp.Or(c.Reserve, standard.Reserve)
	c.Forward.FileSize = cmp.Or(c.Forward.FileSize, standard.Forward.FileSize)
	if c.FreeSpace == nil {
		c.FreeSpace = freeSpace
	}
	c.GRPCAddr = cmp.Or(c.GRPCAddr, standard.GRPCAddr)
	c.HTTPAddr = cmp.Or(c.HTTPAddr, standard.HTTPAddr)
	c.AdminAddr = cmp.Or(c.AdminAddr, standard.AdminAddr)
	c.SigningAlg = cmp.Or(c.SigningAlg, standard.SigningAlg)
	c.MinTLS = cmp.Or(c.MinTLS, standard.MinTLS)
	c.Plaintext = cmp.Or(c.Plaintext, standard.Plaintext)
	c.DrainTime = cmp.Or(c.DrainTime, standard.DrainTime)
	c.RecordUses = cmp.Or(c.RecordUses, standard.RecordUses)
	c.Limits.fill(standard.Limits)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Elapsed == nil {
		began := time.Now()
		c.Elapsed = func() time.Duration { return time.Since(began) }
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
}

func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil, u.Host == "" || u.User != nil, strings.ContainsAny(issuer, "?#"):
		return fmt.Errorf("issuer %q: needs a host, and neither user, query nor fragment", issuer)
	case u.Scheme == "https", u.Scheme == "http" && loopback.Host(u.Hostname()):
		return nil
	default:
		return fmt.Errorf("issuer %q: must be https, or http on a loopback address", issuer)
	}
}

// checkOrigin takes exact origins only (RFC 6454 section 7): a pattern trusts who isn't there yet.
func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.Contains(origin, "*") {
		return fmt.Errorf("CORS origin %q: must be scheme://host[:port] and nothing else", origin)
	}
	return nil
}
