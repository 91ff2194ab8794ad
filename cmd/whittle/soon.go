package main

import (
	"time"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
)

// How long a refusal may take to be on the record, and the record to be under a checkpoint; how long a checkpoint may
// take to be co-signed; and how often each is looked for.
const (
	recordedSoon  = 2 * time.Second
	witnessedSoon = 10 * time.Second
	askAgain      = 100 * time.Millisecond
)

// soon asks again while the answer is no, as long as that may change. Who gives up gets the answer to a last question.
func soon[T any](c *call, patience time.Duration, ask func() (T, error)) (T, error) {
	for end := time.Now().Add(patience); ; {
		res, err := ask()
		if exit.Of(c.server.Explain(err), exit.Failed) != exit.No || time.Now().After(end) {
			return res, err
		}
		select {
		case <-c.ctx.Done():
		case <-time.After(askAgain):
		}
	}
}
