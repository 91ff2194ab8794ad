package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// What a witness may answer.
var (
	// ErrAhead says that the witness has co-signed more of this log than there is: the state is an older one, or a fork.
	ErrAhead = errors.New("the witness has co-signed a longer log of this name")
	// ErrRefused says that it doesn't co-sign: it doesn't know the log, or holds what it is shown for inconsistent.
	ErrRefused = errors.New("the witness refuses to co-sign")
	errAnswer  = errors.New("the witness can't be reached, or its answer not be used")
)

// maxAnswer is the most that is read of an answer.
const maxAnswer = 16 << 10

// peer is one witness, as far as it is known what it has co-signed.
type peer struct {
	Witness

	client *http.Client
	size   uint64 // what it co-signed last; the one goroutine that asks it owns it
}

// cosign asks for signature lines on a checkpoint. What the witness knows of the log is learnt from its first answer.
func (p *peer) cosign(ctx context.Context, log Log, c store.Checkpoint) (lines []byte, err error) {
	for range 2 {
		lines, size, err := p.ask(ctx, log, c)
		switch {
		case err != nil:
			return nil, err
		case lines != nil:
			p.size = c.Size
			return lines, nil
		case size > c.Size:
			return nil, fmt.Errorf("%w: %d entries, of which this one has %d", ErrAhead, size, c.Size)
		}
		p.size = size
	}
	return nil, fmt.Errorf("%w: it changes its mind about what it has co-signed", errAnswer)
}

// ask is one add-checkpoint. Without lines and error, the witness has co-signed another size than was thought.
func (p *peer) ask(ctx context.Context, log Log, c store.Checkpoint) (lines []byte, size uint64, err error) {
	var proof []tree.Hash
	if p.size > 0 && p.size < c.Size {
		if proof, err = log.Consistency(ctx, p.size, c.Size); err != nil {
			return nil, 0, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(p.URL, "/")+"/add-checkpoint", bytes.NewReader(body(p.size, proof, c.Note)))
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errAnswer, err)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errAnswer, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil || len(text) > maxAnswer {
		return nil, 0, fmt.Errorf("%w: too long, or cut short", errAnswer)
	}
	switch answer.StatusCode {
	case http.StatusOK:
		if len(text) == 0 {
			return nil, 0, fmt.Errorf("%w: it is empty", errAnswer)
		}
		return text, 0, nil
	case http.StatusConflict:
		size, err := conflicting(answer.Header.Get("Content-Type"), string(text))
		return nil, size, err
	case http.StatusNotFound, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusBadRequest:
		return nil, 0, fmt.Errorf("%w: %s", ErrRefused, answer.Status)
	default:
		return nil, 0, fmt.Errorf("%w: %s", errAnswer, answer.Status)
	}
}

// body is what add-checkpoint takes.
func body(old uint64, proof []tree.Hash, note []byte) []byte {
	out := fmt.Appendf(nil, "old %d\n", old)
	for _, h := range proof {
		out = fmt.Appendf(out, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	return append(append(out, '\n'), note...)
}

// conflicting is the size that the witness has co-signed.
func conflicting(kind, text string) (uint64, error) {
	media, _, err := mime.ParseMediaType(kind)
	if err != nil || media != "text/x.tlog.size" {
		return 0, fmt.Errorf("%w: a conflict, but no size", errAnswer)
	}
	digits, ok := strings.CutSuffix(text, "\n")
	size, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || !ok || strconv.FormatUint(size, 10) != digits {
		return 0, fmt.Errorf("%w: %.20q is no size", errAnswer, text)
	}
	return size, nil
}
