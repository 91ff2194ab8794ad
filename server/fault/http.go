package fault

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/engine"
)

// body is an OAuth error answer (RFC 6749 section 5.2). The decision is ours: what to ask `why` about.
type body struct {
	Error       engine.Code `json:"error"`
	Description string      `json:"error_description,omitzero"`
	Decision    string      `json:"decision,omitzero"`
}

// HTTP answers a request to an OAuth endpoint with an error.
func HTTP(w http.ResponseWriter, err error) {
	fault, row, description := judge(err)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	if fault.Code == engine.InvalidClient {
		h.Set("WWW-Authenticate", Challenge)
	}
	if fault.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(fault.RetryAfter)))
	}
	w.WriteHeader(row.http)
	// The answer is plain strings, and whoever can't be written to is gone.
	_ = json.MarshalWrite(w, body{fault.Code, description, fault.Decision})
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
