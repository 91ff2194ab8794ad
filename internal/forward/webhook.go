package forward

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/loopback"
)

// Webhook is a URL that entries are posted to, signed as the Standard Webhooks specification has it: the receiver knows
// the message by its id, however often it comes, and that it is whose and how old by its signature.
type Webhook struct {
	URL     string
	Secrets func() ([]Secret, error) // asked for at each post, so that they can be changed; each signs
	Log     string                   // the log's name
	Now     func() time.Time
	Client  *http.Client // from [NewClient]
}

const (
	postTime  = 30 * time.Second
	maxAnswer = 64 << 10
)

// ErrRefused says that the receiver didn't confirm.
var ErrRefused = errors.New("the webhook didn't take the entries")

// NewClient is the client that webhooks are posted with. A redirect is no confirmation, and isn't followed: whoever
// answers it would decide who gets the entries.
func NewClient() *http.Client {
	return &http.Client{
		Timeout:       postTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CheckURL says why entries can't be posted there, if they can't. It doesn't say where: whoever knows the URL of a webhook
// may post to it.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("webhook: must be a URL with a host, and neither user nor fragment")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback.Host(u.Hostname())) {
		return errors.New("webhook: must be https, or http on a loopback address")
	}
	return nil
}

// Send implements [Receiver]. Any answer of 200 to 299 confirms.
func (w *Webhook) Send(ctx context.Context, entries []audit.Item) error {
	secrets, err := w.Secrets()
	if err != nil {
		return err
	}
	now := w.Now()
	body, err := w.body(entries, now)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	id, at := messageID(entries), strconv.FormatInt(now.Unix(), 10)
	var signatures []string
	for _, s := range secrets {
		signatures = append(signatures, s.sign(id, at, body))
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "whittle")
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", at)
	r.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
	answer, err := w.Client.Do(r)
	if err != nil {
		if about, ok := errors.AsType[*url.Error](err); ok {
			err = about.Err // without the URL, which may be all that it takes to post there
		}
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)) // so that the connection is used again
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return nil
	}
	err = fmt.Errorf("%w: it answers %s", ErrRefused, answer.Status)
	if seconds, bad := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 31); bad == nil {
		return &Later{After: time.Duration(seconds) * time.Second, Err: err}
	}
	return err
}

// messageID is the same whenever the same entries are sent.
func messageID(entries []audit.Item) string {
	first, last := entries[0], entries[len(entries)-1]
	return fmt.Sprintf("audit_%d_%d_%s", first.Index, last.Index, hex.EncodeToString(last.Leaf[:8]))
}

// body is the message: what it is, when it was sent, and the entries.
func (w *Webhook) body(entries []audit.Item, now time.Time) ([]byte, error) {
	b := append([]byte(nil), `{"type":"audit.entries","timestamp":"`...)
	b = now.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","data":{"log":`...)
	b, err := jsontext.AppendQuote(b, w.Log)
	if err != nil {
		return nil, err
	}
	b = append(b, `,"entries":[`...)
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendEntry(b, e)
	}
	return append(b, "]}}"...), nil
}

// Secret is what messages are signed with. It doesn't print.
type Secret struct{ key []byte }

func (Secret) String() string { return "(secret)" }

// GoString implements [fmt.GoStringer].
func (Secret) GoString() string { return "(secret)" }

func (s Secret) sign(id, at string, body []byte) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(id + "." + at + "."))
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

const (
	secretPrefix  = "whsec_"
	minSecretSize = 24 // bytes, as the specification has it
	maxSecretSize = 64
	maxSecrets    = 4
)

var errSecret = errors.New("a webhook's secret is " + secretPrefix + " and 24 to 64 bytes in base64; several stand with a space or a line between")

// ParseSecrets reads the secrets of a webhook. While one takes the place of another, both sign.
func ParseSecrets(text string) (out []Secret, err error) {
	for _, field := range strings.Fields(text) {
		encoded, ok := strings.CutPrefix(field, secretPrefix)
		key, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if !ok || err != nil || len(key) < minSecretSize || len(key) > maxSecretSize {
			return nil, errSecret
		}
		out = append(out, Secret{key})
	}
	if len(out) == 0 || len(out) > maxSecrets {
		return nil, errSecret
	}
	return out, nil
}
