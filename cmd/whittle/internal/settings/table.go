package settings

import (
	"cmp"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/guard"
)

// Log is how the log is written.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // text or json
}

var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// Logger writes to w as the settings say.
func (l Log) Logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: levels[l.Level]}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// target is what settings are read into.
type target struct {
	server.Config
	Log       Log
	CoreDumps bool
}

func standard() *target {
	return &target{Config: server.Defaults(), Log: Log{Level: "info", Format: "text"}}
}

// Table lists all settings in the order in which people read about them.
func Table() []Setting {
	config := []Setting{
		path("data", func(t *target) *string { return &t.DataDir }, "The folder that the state lives in; needed.", ""),
		source("kek", func(t *target) *string { return &t.KEK },
			"The key-encryption key. A file is made at the first start; keep it on another medium than the data.", "keys/kek in the data folder"),
		source("kek_next", func(t *target) *string { return &t.KEKNext },
			"The key that the next rotation of the key-encryption key puts to work.", "a new file in the place of the one before"),
		path("anchor", func(t *target) *string { return &t.Anchor },
			"The file that says how far the state had come, so that an older copy isn't served. Keep it where the key is.",
			"beside kek if that is a file, else keys/anchor in the data folder"),
		size("disk_floor", func(t *target) *int { return &t.DiskFloor }, 1<<20, 1<<30,
			"The free space, for the database and for the anchor, below which nothing is issued. Revoking goes on, from a reserve."),
		text("issuer", func(t *target) *string { return &t.Issuer },
			"This server's issuer identifier, an https URL.", "the HTTP listener's URL, on a loopback address only"),
		path("policy", func(t *target) *string { return &t.PolicyFile },
			"The policy that is loaded into a store that has none yet.", "none"),
		text("listen.grpc", func(t *target) *string { return &t.GRPCAddr }, "Where native gRPC is served.", "").flag("grpc"),
		text("listen.http", func(t *target) *string { return &t.HTTPAddr }, "Where Connect, gRPC-Web and OAuth are served.", "").flag("http"),
		text("listen.admin", func(t *target) *string { return &t.AdminAddr },
			"Where health and metrics are served, without TLS; never for the public.", "").flag("admin"),
		path("tls.cert", func(t *target) *string { return &t.CertFile },
			"The certificate chain, PEM. A new one is taken when the file changes.", "none: plaintext"),
		path("tls.key", func(t *target) *string { return &t.KeyFile }, "The certificate's key, PEM.", "none: plaintext"),
		choice("tls.min_version", func(t *target) *string { return &t.MinTLS }, "The oldest version of TLS that is taken.", "1.3", "1.2"),
		choice("plaintext", func(t *target) *string { return &t.Plaintext },
			"Where gRPC and HTTP may be served without TLS. With anywhere, whoever is on the way reads secrets and tokens, unless something else encrypts.",
			server.PlaintextLoopback, server.PlaintextAnywhere),
		list("cors_origins", func(t *target) *[]string { return &t.CORSOrigins },
			"Origins whose pages may call Connect and read keys and metadata.").flag("cors-origin"),
		networks("allow_networks", func(t *target) *prefixes { return (*prefixes)(&t.AllowNetworks) },
			"Networks in which outside issuers live, if that isn't the public Internet, as in 10.1.0.0/16.").flag("allow-network"),
		choice("signing_alg", func(t *target) *string { return &t.SigningAlg }, "The algorithm of new signing keys.", "ES256", "RS256", "EdDSA"),
	}
	return slices.Concat(config, recorded(), told(), ending(), limits())
}

// recorded lists the settings of what becomes of the audit log.
func recorded() []Setting {
	return []Setting{
		list("witnesses", func(t *target) *[]string { return &t.Witnesses },
			"Who co-signs the audit log's checkpoints (C2SP tlog-witness): each its URL and its verifier key, with a space between.").flag("witness"),
		number("witness_quorum", func(t *target) *int { return &t.WitnessQuorum }, 0, 100,
			"How many of the witnesses make a checkpoint a witnessed one; 0: all of them."),
		span("record_uses", func(t *target) *time.Duration { return &t.RecordUses }, time.Second, time.Minute,
			"How long uses of tokens may be counted in memory before the counts are recorded: a crash may lose those of so long, and a second. Less costs more entries."),
		path("forward.file.path", func(t *target) *string { return &t.Forward.File },
			"A file of JSON lines that the audit log's entries are handed on to, for a shipper to take from there.", "none"),
		size("forward.file.size", func(t *target) *int { return &t.Forward.FileSize }, 1<<20, 1<<30,
			"The size at which the file gets a name with the index of its last entry, and another is begun."),
		number("forward.file.keep", func(t *target) *int { return &t.Forward.FileKeep }, 0, 100_000,
			"How many of the full files are kept; 0: all."),
		text("forward.webhook.url", func(t *target) *string { return &t.Forward.Webhook },
			"A URL that the audit log's entries are posted to, signed (Standard Webhooks): https, or http on a loopback address.", "none"),
		secret("forward.webhook.secret", func(t *target) *string { return &t.Forward.Secret },
			"Where the webhook's secret comes from, whsec_ and base64. A file is read at each post, and may hold several: each signs.", "none"),
		days("retention.issued", func(t *target) *time.Duration { return &t.Retention.Issued },
			"How long the audit log keeps the bodies of entries of tokens that were granted. Hashes, checkpoints and proofs stay."),
		days("retention.refused", func(t *target) *time.Duration { return &t.Retention.Refused }, "The same for refusals."),
		days("retention.used", func(t *target) *time.Duration { return &t.Retention.Used },
			"The same for uses of tokens, one by one and counted."),
		days("retention.revoked", func(t *target) *time.Duration { return &t.Retention.Revoked },
			"The same for revocations and unblocks. What else changed the server's state is kept for good."),
	}
}

// told lists the settings of what the server says of itself.
func told() []Setting {
	return []Setting{
		toggle("reflection", func(t *target) *bool { return &t.Reflection }, "Serve gRPC reflection."),
		choice("log.level", func(t *target) *string { return &t.Log.Level },
			"The least that is logged. Faults are errors, what can't be done now is a warning, refusals (at most ten lines a second) are info.", "debug", "info", "warn", "error"),
		choice("log.format", func(t *target) *string { return &t.Log.Format }, "How log lines are written.", "text", "json"),
		number("log.sample", func(t *target) *int { return &t.LogSample }, 0, 1_000_000,
			"One good answer in so many is logged; 0: none. A line for each costs as much as a tenth of the answer."),
		toggle("core_dumps", func(t *target) *bool { return &t.CoreDumps },
			"Let the system write the memory of a server that crashes, keys and all, to a disk, and debuggers read it."),
	}
}

// ending lists the settings of how the server stops.
func ending() []Setting {
	return []Setting{
		span("drain.delay", func(t *target) *time.Duration { return &t.DrainDelay }, 0, 5*time.Minute,
			"How long the server goes on when it was told to stop, while /readyz already says no: a balancer's time to notice."),
		span("drain.time", func(t *target) *time.Duration { return &t.DrainTime }, time.Second, 10*time.Minute,
			"How long requests in flight have after that."),
	}
}

// limits lists the settings of what the wires take. Their maxima are what the rest was tried with.
func limits() []Setting {
	out := []Setting{
		size("limits.body", func(t *target) *int { return &t.Limits.Body }, 4<<10, 4<<20, "The size of an OAuth request's body."),
		size("limits.header", func(t *target) *int { return &t.Limits.Header }, 4<<10, 1<<20,
			"The size of a request's headers; over HTTP/1.1 some 4 KiB more pass."),
		size("limits.message", func(t *target) *int { return &t.Limits.Message }, 64<<10, 64<<20, "The size of an rpc message, decompressed."),
		number("limits.streams", func(t *target) *int { return &t.Limits.Streams }, 1, 100_000,
			"How many requests are in flight on one connection; over HTTP at most 250."),
		number("limits.connections", func(t *target) *int { return &t.Limits.Connections }, 1, 1_000_000,
			"How many connections each of the first two listeners has open; more wait. One on which no client proves itself ends after ten seconds, and an address "+
				"(IPv6: a /64) other than loopback has at most a quarter of them in such ones: behind a proxy that brings more of them at once, set it higher."),
		span("limits.request_time", func(t *target) *time.Duration { return &t.Limits.Time }, time.Second, 5*time.Minute,
			"How long any one request may take, waiting for the disk included. Sending it may take ten seconds more."),
		number("limits.revocations", func(t *target) *int { return &t.Limits.Revocations }, 100, 1_000_000,
			"How many live revocations of its own tokens a client may have; those with revoke.any are not limited."),
	}
	for _, r := range []struct {
		name, doc string
		rate      func(*guard.Rates) *guard.Rate
	}{
		{"look", "introspections of one client", func(r *guard.Rates) *guard.Rate { return &r.Look }},
		{"mint", "exchanges and revocations of one client", func(r *guard.Rates) *guard.Rate { return &r.Mint }},
		{"manage", "administrative requests of one client", func(r *guard.Rates) *guard.Rate { return &r.Manage }},
		{"strangers", "failed authentications from one address (IPv6: from one /64)", func(r *guard.Rates) *guard.Rate { return &r.Strangers }},
	} {
		out = append(out,
			number("limits.rates."+r.name+".per_second", func(t *target) *int { return &r.rate(&t.Limits.Rates).PerSecond }, 1, 10_000_000,
				"How many "+r.doc+" are taken in a second."),
			number("limits.rates."+r.name+".burst", func(t *target) *int { return &r.rate(&t.Limits.Rates).Burst }, 1, 10_000_000,
				"How many "+r.doc+" are taken at once."))
	}
	return out
}

// otherwise is what the reference says of a default that isn't a value.
func otherwise(value, words string) string { return cmp.Or(value, words, "none") }
