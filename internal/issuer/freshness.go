package issuer

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How long keys are good for. An issuer that takes a key away is believed within what it said
// itself in max-age, but at most within a day.
const (
	minAge     = time.Minute
	usualAge   = 5 * time.Minute // where the answer says nothing
	maxAge     = 24 * time.Hour
	staleAge   = time.Hour        // beyond that, and only while the issuer can't be reached
	retryAfter = 10 * time.Second // a failed fetch
	askAgain   = 30 * time.Second // for a key that isn't known
)

// goodFor is how long the answer may be used without asking again (RFC 9111 section 5.2.2),
// within our own limits.
func goodFor(header http.Header) time.Duration {
	age := usualAge
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return minAge
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return minAge
			}
			age = time.Duration(seconds) * time.Second
		}
	}
	return min(max(age, minAge), maxAge)
}
