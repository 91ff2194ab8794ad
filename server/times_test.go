package server

import (
	"log/slog"
	"net/http"
	"testing"
	"time"
)

// However long a request may take by the settings, nothing of HTTP's ends it earlier.
func TestARequestHasTheTimeThatIsSet(t *testing.T) {
	for _, most := range []time.Duration{time.Second, 5 * time.Minute} {
		s := &Server{config: Config{Logger: slog.New(slog.DiscardHandler)}}
		s.config.Limits.Time = most
		h := s.newHTTPServer(http.NotFoundHandler())
		if h.ReadTimeout <= most || h.WriteTimeout <= h.ReadTimeout {
			t.Errorf("for %v it may be sent in %v and answered in %v", most, h.ReadTimeout, h.WriteTimeout)
		}
	}
}
