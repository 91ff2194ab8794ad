package server

import (
	"cmp"
	"time"

	"github.com/whittle-sts/whittle/server/guard"
)

// Limits is what the wires take of any one caller. They are far above what a healthy client needs.
type Limits struct {
	Body        int           // bytes of a form
	Header      int           // bytes of a request's headers
	Message     int           // bytes of an rpc message, decompressed: a full batch of tokens of the usual size
	Streams     int           // requests in flight on one connection
	Connections int           // open at once on each listener
	Unknown     time.Duration // of a connection on which no client has proved itself
	Time        time.Duration // of any one request, waiting for the disk included
	Revocations int           // alive that one client made of its own tokens
	Rates       guard.Rates
}

// Defaults is the settings that hold where nothing else is said.
func Defaults() Config {
	return Config{
		GRPCAddr: "127.0.0.1:9090", HTTPAddr: "127.0.0.1:8080", AdminAddr: "127.0.0.1:9091",
		SigningAlg: "ES256", MinTLS: "1.3", Plaintext: PlaintextLoopback, DrainTime: 15 * time.Second, RecordUses: time.Minute,
		DiskFloor: 64 << 20, Reserve: 8 << 20, // some thousand revocations
		Forward: Forward{FileSize: 64 << 20},
		Limits: Limits{
			Body: 256 << 10, Header: 16 << 10, Message: 4 << 20, Streams: 1000, Connections: 10_000,
			Unknown: 10 * time.Second, Time: 20 * time.Second, Revocations: 10_000, Rates: guard.StandardRates(),
		},
	}
}

// fill puts what is empty at its default.
func (l *Limits) fill(standard Limits) {
	l.Body = cmp.Or(l.Body, standard.Body)
	l.Header = cmp.Or(l.Header, standard.Header)
	l.Message = cmp.Or(l.Message, standard.Message)
	l.Streams = cmp.Or(l.Streams, standard.Streams)
	l.Connections = cmp.Or(l.Connections, standard.Connections)
	l.Unknown = cmp.Or(l.Unknown, standard.Unknown)
	l.Time = cmp.Or(l.Time, standard.Time)
	l.Revocations = cmp.Or(l.Revocations, standard.Revocations)
	l.Rates = cmp.Or(l.Rates, standard.Rates)
}
