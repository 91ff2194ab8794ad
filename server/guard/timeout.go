package guard

import (
	"context"
	"net/http"
	"strings"

	"github.com/whittle-sts/whittle/internal/engine"
)

// Timed stands before Connect and gRPC-Web and hands the guard what to say of a timeout that can't be read. Connect would
// answer it by itself, before the caller is known, and quote it.
func Timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !milliseconds(r.Header.Get("Connect-Timeout-Ms")) || !timeout(r.Header.Get("Grpc-Timeout")) {
			r = r.WithContext(context.WithValue(r.Context(), unreadableTimeout{}, true))
			r.Header.Del("Connect-Timeout-Ms")
			r.Header.Del("Grpc-Timeout")
		}
		next.ServeHTTP(w, r)
	})
}

// milliseconds says whether it is a timeout as Connect has it; none is one.
func milliseconds(s string) bool { return len(s) <= 10 && digits(s) }

// timeout says whether it is a timeout as gRPC has it, up to eight digits and a unit; none is one.
func timeout(s string) bool {
	last := len(s) - 1
	return s == "" || last > 0 && last <= 8 && digits(s[:last]) && strings.ContainsAny(s[last:], "HMSmun")
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// unreadableTimeout is the key of a context whose request had one.
type unreadableTimeout struct{}

// checkTimeout refuses it, once the caller is known.
func checkTimeout(ctx context.Context) error {
	if ctx.Value(unreadableTimeout{}) == nil {
		return nil
	}
	return engine.Refuse(engine.InvalidRequest, "unreadable", "the timeout can not be read")
}
