package witnesstest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Answer answers an add-checkpoint: what the log says that the witness has co-signed ("old 7"), and the checkpoint.
type Answer func(w *Witness, to http.ResponseWriter, old string, note []byte)

// Witness answers as it is told to. It remembers nothing of a log, so it takes any.
type Witness struct {
	name    string
	private ed25519.PrivateKey

	mu     sync.Mutex // guards what follows
	answer Answer
	asked  int
}

// New makes a witness whose key is always the same for its name.
func New(name string, answer Answer) *Witness {
	seed := sha256.Sum256([]byte(name))
	return &Witness{name: name, private: ed25519.NewKeyFromSeed(seed[:]), answer: answer}
}

// ServeHTTP implements [http.Handler].
func (w *Witness) ServeHTTP(to http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	head, note, _ := bytes.Cut(body, []byte("\n\n"))
	old, _, _ := strings.Cut(string(head), "\n")
	w.mu.Lock()
	w.asked++
	answer := w.answer
	w.mu.Unlock()
	answer(w, to, old, note)
}

// From now on it answers so.
func (w *Witness) From(answer Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// Asked is how often it was asked.
func (w *Witness) Asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// Name is its name, with which its signature lines begin.
func (w *Witness) Name() string { return w.name }

// keyID is the first bytes of what its signatures hold.
func (w *Witness) keyID() []byte {
	sum := sha256.Sum256(slices.Concat([]byte(w.name), []byte{'\n', 4}, w.private.Public().(ed25519.PublicKey)))
	return sum[:4]
}

// Key is its verifier key (C2SP tlog-cosignature).
func (w *Witness) Key() string {
	public := append([]byte{4}, w.private.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%x+%s", w.name, w.keyID(), base64.StdEncoding.EncodeToString(public))
}

// Line co-signs the text of a note.
func (w *Witness) Line(note []byte) string {
	text := note[:bytes.LastIndex(note, []byte("\n\n"))+1]
	at := uint64(time.Now().Unix())
	raw := binary.BigEndian.AppendUint64(w.keyID(), at)
	raw = append(raw, ed25519.Sign(w.private, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text))...)
	return fmt.Sprintf("— %s %s\n", w.name, base64.StdEncoding.EncodeToString(raw))
}

// Honest co-signs what it is shown.
func Honest(w *Witness, to http.ResponseWriter, _ string, note []byte) { fmt.Fprint(to, w.Line(note)) }

// Another co-signs a checkpoint that it wasn't shown: of one entry more.
func Another(w *Witness, to http.ResponseWriter, _ string, note []byte) {
	lines := strings.SplitAfterN(string(note), "\n", 3)
	lines[1] = "1" + lines[1]
	fmt.Fprint(to, w.Line([]byte(strings.Join(lines, ""))))
}
