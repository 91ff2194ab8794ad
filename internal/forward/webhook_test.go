package forward

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	oldSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // of the specification's example
	newSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

func hook(t *testing.T, url string, secrets string) *Webhook {
	t.Helper()
	return &Webhook{
		URL: url, Log: "sts.example.com/log", Now: time.Now, Client: NewClient(),
		Secrets: func() ([]Secret, error) { return ParseSecrets(secrets) },
	}
}

// The specification's own example.
func TestASignatureIsTheStandards(t *testing.T) {
	s, err := ParseSecrets(oldSecret)
	if err != nil {
		t.Fatal(err)
	}
	got := s[0].sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Error(got)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", s[0], s[0], s[0], s); strings.Contains(text, "49") || !strings.Contains(text, "(secret)") {
		t.Errorf("printed: %s", text)
	}
}

// inbox is a receiver of webhooks that verifies what it is sent, and answers as it is told.
type inbox struct {
	mu     sync.Mutex
	answer func(try int, w http.ResponseWriter, r *http.Request) bool // whether to take it
	try    int
	got    []uint64
	ids    []string
	bad    error
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.try++
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = verified(r.Header, body, oldSecret)
	}
	if err != nil {
		b.bad = err
	}
	var message struct {
		Type string `json:"type"`
		Data struct {
			Log     string `json:"log"`
			Entries []struct {
				Index uint64 `json:"index"`
			} `json:"entries"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &message); err != nil || message.Type != "audit.entries" || message.Data.Log != "sts.example.com/log" {
		b.bad = errors.Join(err, fmt.Errorf("%s", body))
	}
	b.ids = append(b.ids, r.Header.Get("Webhook-Id"))
	if b.answer != nil && !b.answer(b.try, w, r) {
		return
	}
	for _, e := range message.Data.Entries {
		b.got = append(b.got, e.Index)
	}
}

// verified is what a receiver does by the specification.
func verified(h http.Header, body []byte, secret string) error {
	at, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return fmt.Errorf("its time is %q", h.Get("Webhook-Timestamp"))
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); !slices.Contains(strings.Fields(h.Get("Webhook-Signature")), want) {
		return fmt.Errorf("its signatures are %q", h.Get("Webhook-Signature"))
	}
	return nil
}

// Whatever a webhook answers that isn't a yes, the same message comes again until it is one: all of it arrives, in order.
func TestAWebhookThatFailsAndComesBack(t *testing.T) {
	var redirected bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { redirected = true }))
	defer elsewhere.Close()
	box := &inbox{answer: func(try int, w http.ResponseWriter, r *http.Request) bool {
		switch try {
		case 2:
			w.WriteHeader(http.StatusInternalServerError)
		case 3:
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case 4:
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		case 5:
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusTooManyRequests)
		case 6:
			<-r.Context().Done() // until the client has lost its patience
		case 7:
			w.WriteHeader(http.StatusNotModified)
		case 8:
			panic(http.ErrAbortHandler) // the connection breaks off
		default:
			w.WriteHeader(http.StatusNoContent)
			return true
		}
		return false
	}}
	server := httptest.NewServer(box)
	defer server.Close()
	w, to := new(waits), hook(t, server.URL, oldSecret)
	to.Client.Timeout = 300 * time.Millisecond
	f := until(t, Config{Log: newLog(400), To: to, Cursor: filepath.Join(t.TempDir(), "c"), Random: rand.Reader, Wait: w.wait}, 400)
	if box.bad != nil {
		t.Error(box.bad)
	}
	if !slices.Equal(box.got, upTo(400)) || redirected || f.Failures() != 7 {
		t.Errorf("%d came, redirected %t, %d failures", len(box.got), redirected, f.Failures())
	}
	for i := 2; i < 8; i++ {
		if box.ids[i] != box.ids[1] {
			t.Errorf("try %d has the id %s, not %s", i, box.ids[i], box.ids[1])
		}
	}
	if len(w.all) != 7 || w.all[3] < time.Minute { // Retry-After, less its random part
		t.Errorf("waits: %v", w.all)
	}
}

// While one secret takes the place of another, a receiver may know either.
func TestBothSecretsSign(t *testing.T) {
	box := &inbox{}
	server := httptest.NewServer(box)
	defer server.Close()
	to := hook(t, server.URL, newSecret+"\n"+oldSecret+"\n")
	if err := to.Send(context.Background(), newLog(1).items); err != nil || box.bad != nil {
		t.Error(err, box.bad)
	}
	to = hook(t, server.URL, newSecret)
	if err := to.Send(context.Background(), newLog(1).items); err != nil || box.bad == nil {
		t.Error("the test verifies nothing")
	}
}

func TestWhatIsNoSecret(t *testing.T) {
	for _, text := range []string{
		"", " \n", "whsec_", "whsec_c2hvcnQ=", strings.TrimPrefix(oldSecret, "whsec_"), oldSecret + " other",
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)), strings.Repeat(oldSecret+" ", 5),
	} {
		if _, err := ParseSecrets(text); err == nil || len(text) > 10 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWhereEntriesMayBePosted(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://siem.example.com/hook?tenant=1": true, "http://127.0.0.1:8088/": true, "http://[::1]/": true, "http://localhost:1/x": true,
		"http://siem.example.com/": false, "http://127.0.0.1.example.com/": false, "http://[::ffff:127.0.0.1]/": false, "ftp://127.0.0.1/": false, "https://": false,
		"https://user:word@siem.example.com/": false, "siem.example.com": false, "": false, "https://siem.example.com/#x": false,
	} {
		if err := CheckURL(url); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// The URL of a webhook may be what it takes to post there, so no error has it.
func TestNoErrorHasTheURL(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	w := hook(t, gone.URL+"/hooks/hunter2?key=hunter2", oldSecret)
	err := w.Send(t.Context(), newLog(1).items)
	if !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("nobody is there: %v", err)
	}
	for _, bad := range []string{"http://siem.example.com/hunter2", "https://me:hunter2@siem.example.com/", "https://siem.example.com/#hunter2", "hunter2"} {
		if err := CheckURL(bad); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
