package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
)

// Monitor watches a log that a server publishes (C2SP tlog-tiles).
type Monitor struct {
	Trust *checkpoint.Trust
	URL   string // where the log is, without "/checkpoint"
	Seen  Memory // what it saw last
	// Client is what it asks with. Nil: one with a time limit.
	Client *http.Client
	// Entries is a page of the entries from there on, for who may read them; one whose body was dropped is empty. Nil:
	// only hashes are looked at.
	Entries func(ctx context.Context, from uint64) ([][]byte, error)
}

// Memory keeps the newest checkpoint that a monitor saw.
type Memory interface {
	Load() (note []byte, err error) // nil: nothing was seen yet
	Save(note []byte) error         // durable when it returns
}

// fetchTime is how long one fetch may take.
const fetchTime = 30 * time.Second

// Step looks at the newest checkpoint: it must be signed, enough witnesses must have co-signed it, and the log must begin
// with what was seen last. With Entries, each new entry must be the one that the tree holds. Only then is it remembered.
func (m *Monitor) Step(ctx context.Context) (Report, error) {
	note, err := m.get(ctx, "checkpoint", checkpoint.MaxNote)
	if errors.Is(err, errNone) {
		return Report{}, fmt.Errorf("%w\n%s", err, anotherLog)
	}
	if err != nil {
		return Report{}, err
	}
	trust, led, err := m.follow(ctx)
	if err != nil {
		return Report{}, err
	}
	s, err := trust.Open(note)
	if err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	if s.Size > 0 && m.Trust.Quorum() > len(s.Witnesses) {
		return Report{}, fmt.Errorf("%w: %d witnesses have co-signed the checkpoint of %d entries, of the %d needed", ErrUnsigned, len(s.Witnesses), s.Size, m.Trust.Quorum())
	}
	last, err := m.last(trust)
	if err != nil {
		return Report{}, err
	}
	hashes := tlog.TileHashReader(tlog.Tree{N: int64(s.Size), Hash: s.Root}, &tiles{ctx, m})
	for _, older := range append(led, last.Checkpoint) {
		if older.Size > s.Size && older != last.Checkpoint {
			continue // the checkpoint that is published waits for its witnesses
		}
		if err := consistent(older, s, hashes); err != nil {
			return Report{}, err
		}
	}
	if m.Entries != nil {
		if err := m.compare(ctx, last.Size, s.Size, hashes); err != nil {
			return Report{}, err
		}
	}
	if err := m.Seen.Save(note); err != nil {
		return Report{}, fmt.Errorf("remember the checkpoint: %w", err)
	}
	return Report{
		Origin: s.Origin, From: last.Size, Size: s.Size, Signed: s.Size, Witnesses: s.Witnesses, Witnessed: s.Witnessed,
	}, nil
}

// follow trusts also the keys that followed the one that is known, or that it followed.
func (m *Monitor) follow(ctx context.Context) (*checkpoint.Trust, []checkpoint.Checkpoint, error) {
	joined, err := m.get(ctx, "handovers", checkpoint.MaxHandovers)
	if err != nil && !errors.Is(err, errNone) { // a log of other software has none
		return nil, nil, err
	}
	trust, led, err := m.Trust.Follow(checkpoint.SplitHandovers(joined))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	return trust, led, nil
}

// last is what was seen; the empty log if nothing was.
func (m *Monitor) last(trust *checkpoint.Trust) (checkpoint.Signed, error) {
	note, err := m.Seen.Load()
	if err != nil || note == nil {
		return checkpoint.Signed{}, err
	}
	s, err := trust.Open(note)
	if err != nil {
		return s, fmt.Errorf("what was seen last is of another log, or damaged: %w", err)
	}
	return s, nil
}

// consistent says whether the newer log begins with the older one. The hashes are verified against the newer's root.
func consistent(older checkpoint.Checkpoint, newer checkpoint.Signed, hashes tlog.HashReader) error {
	switch {
	case older.Size > newer.Size:
		return at(newer.Size, ErrTruncated, fmt.Sprintf("it had %d entries", older.Size))
	case older.Size == 0:
		return nil
	}
	root, err := tlog.TreeHash(int64(older.Size), hashes)
	if err != nil {
		return unreadable(newer.Size, err)
	}
	if root != older.Root {
		return &Finding{Index: 0, Last: older.Size - 1, Err: fmt.Errorf("%w: the first %d entries were others", ErrForked, older.Size)}
	}
	return nil
}

// errNone says that it was reached, and publishes nothing like that.
var errNone = errors.New("there is no such thing")

// anotherLog is how to go on where the log is gone: each restore begins another, under another name and key.
const anotherLog = "a server that was restored has begun another log: ask its operator why, and for the new verifier key " +
	"(whittle audit checkpoint --key), and verify that log with a --state of its own. " +
	"The old one is in the server's db/archive, and is verified with --db and the old key."

// errFetch is what isn't the log's fault, or can't be told from that.
var errFetch = errors.New("the log can't be reached")

// MayPass says whether that may be so only for now: nothing was answered, or not by the log.
func MayPass(err error) bool { return errors.Is(err, errFetch) && !errors.Is(err, errNone) }

// unreadable tells tiles that aren't those of the signed root from a server that doesn't answer.
func unreadable(size uint64, err error) error {
	if errors.Is(err, errFetch) {
		return err
	}
	return &Finding{Index: 0, Last: max(size, 1) - 1, Err: fmt.Errorf("%w: its tiles aren't those of the signed root (%w)", ErrChanged, err)}
}

// compare holds each new entry to the tree.
func (m *Monitor) compare(ctx context.Context, from, size uint64, hashes tlog.HashReader) error {
	var absent audit.Absences
	for index := from; index < size; {
		page, err := m.Entries(ctx, index)
		if err != nil {
			return fmt.Errorf("%w: %w", errFetch, err)
		}
		if len(page) == 0 {
			return at(index, ErrMissing, fmt.Sprintf("the checkpoint covers %d", size))
		}
		page = page[:min(uint64(len(page)), size-index)]
		indexes := make([]int64, len(page))
		for i := range page {
			indexes[i] = tlog.StoredHashIndex(0, int64(index)+int64(i))
		}
		want, err := hashes.ReadHashes(indexes)
		if err != nil {
			return unreadable(size, err)
		}
		for i, entry := range page {
			if !audit.Gone(entry) && tree.LeafHash(entry) != want[i] {
				return at(index+uint64(i), ErrChanged, "its hash is another")
			}
			if err := glance(&absent, index+uint64(i), entry); err != nil {
				return err
			}
		}
		index += uint64(len(page))
	}
	return m.explain(ctx, size, &absent)
}

// explain looks beyond the checkpoint for what says that bodies were dropped: it may have happened while the entries were
// read. What is there is compared in the next step.
func (m *Monitor) explain(ctx context.Context, size uint64, absent *audit.Absences) error {
	for index := size; ; {
		err := explained(absent)
		if err == nil {
			return nil
		}
		page, failed := m.Entries(ctx, index)
		if failed != nil {
			return fmt.Errorf("%w: %w", errFetch, failed)
		}
		if len(page) == 0 {
			return err
		}
		for i, entry := range page {
			if bad := glance(absent, index+uint64(i), entry); bad != nil {
				return bad
			}
		}
		index += uint64(len(page))
	}
}

func (m *Monitor) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(m.URL, "/")+"/"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFetch, err)
	}
	client := m.Client
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFetch, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%w: %w: %s", errFetch, errNone, r.URL)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s answers %s", errFetch, r.URL, answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFetch, err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("%w: %s is too long", errFetch, path)
	}
	return body, nil
}

// tiles reads a log's tiles for sumdb/tlog, which verifies them.
type tiles struct {
	ctx     context.Context
	monitor *Monitor
}

func (t *tiles) Height() int { return 8 }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(wanted))
	for i, w := range wanted {
		data, err := t.monitor.get(t.ctx, tree.Tile{Level: w.L, N: uint64(w.N), Width: w.W}.Path(), tree.TileSize)
		if err != nil {
			return nil, err
		}
		if len(data) != w.W*tlog.HashSize {
			return nil, fmt.Errorf("tile %s has %d bytes", tree.Tile{Level: w.L, N: uint64(w.N), Width: w.W}.Path(), len(data))
		}
		out[i] = data
	}
	return out, nil
}

// SaveTiles keeps nothing: a monitor looks at what is served now.
func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}
