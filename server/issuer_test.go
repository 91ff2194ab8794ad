package server_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/server"
)

// Under another issuer no earlier token is active, which nobody would see at the start.
func TestAnotherIssuerIsToldAtTheStart(t *testing.T) {
	c := settings(t)
	for _, start := range []struct {
		issuer string
		told   bool
	}{
		{"https://sts.example.com", false},
		{"https://sts.example.com/", false}, // the same place
		{"https://other.example.com", true},
		{"https://sts.example.com", false},
	} {
		var log bytes.Buffer
		c.Issuer, c.Logger = start.issuer, slog.New(slog.NewTextHandler(&log, nil))
		s, err := server.New(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		told := strings.Contains(log.String(), "began=sts.example.com issuer=https://other.example.com")
		if told != start.told || strings.Contains(log.String(), "began=") != start.told {
			t.Errorf("%s: %s", start.issuer, &log)
		}
	}
}
