package storetest

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// broken is the model with one promise broken.
type broken struct {
	*memory
	tx     func(*memoryTx) store.Tx
	commit func(m *memory, before *contents, last *contents, err error)
}

func (b *broken) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	before, last := b.now, b.now
	wrapped := make([]func(store.Tx) error, len(fns))
	for i, fn := range fns {
		wrapped[i] = func(tx store.Tx) error {
			last = tx.(*memoryTx).contents
			if b.tx != nil {
				tx = b.tx(tx.(*memoryTx))
			}
			return fn(tx)
		}
	}
	outcomes, err := b.memory.Update(ctx, wrapped...)
	if b.commit != nil {
		b.commit(b.memory, before, last, err)
	}
	return outcomes, err
}

// racing lets updates run at the same time: the last one wins.
type racing struct{ *memory }

func (r racing) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	now, err := r.current()
	if err != nil {
		return nil, err
	}
	alone := &memory{now: now}
	outcomes, err := alone.Update(ctx, fns...)
	runtime.Gosched()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = alone.now
	return outcomes, err
}

// patient looks at the context only before it waits for its turn.
type patient struct{ *memory }

func (p patient) Update(ctx context.Context, fns ...func(store.Tx) error) ([]error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return p.memory.Update(context.WithoutCancel(ctx), fns...)
}

// moving copies what is there when the copy ends.
type moving struct{ *memory }

func (m moving) Backup(ctx context.Context, w io.Writer) (store.Meta, error) {
	if _, err := m.memory.Backup(ctx, w); err != nil {
		return store.Meta{}, err
	}
	m.copies.copies[len(m.copies.copies)-1] = m.now.clone()
	return m.now.meta, nil
}

type aliasing struct{ *memoryTx }

func (t aliasing) PutSecret(name string, value []byte) error {
	return put(t.memoryTx, t.secrets, name, value)
}

type backwards struct{ *memoryTx }

func (t backwards) AppendEntry(entry []byte, at time.Time) (uint64, error) {
	index, err := t.memoryTx.AppendEntry(entry, at)
	t.meta.Time = at
	return index, err
}

type recounting struct{ *memoryTx }

func (t recounting) SetRoot(root [32]byte) error {
	t.meta.Treed++
	t.meta.Root, t.wrote = root, true
	return nil
}

type anyVersion struct{ *memoryTx }

func (t anyVersion) PutPolicy(p store.Policy) error {
	if p.Version <= t.meta.Policy {
		t.policies[p.Version-1], t.wrote = p, true
		return nil
	}
	return t.memoryTx.PutPolicy(p)
}

type reusing struct{ *memoryTx }

func (t reusing) DeleteRevocation(seq uint64) error {
	if seq == t.meta.Rev {
		t.meta.Rev--
	}
	return t.memoryTx.DeleteRevocation(seq)
}

type early struct{ *memoryTx }

func (t early) DropExpired(before time.Time, limit int) (int, error) {
	return t.memoryTx.DropExpired(before.Add(time.Nanosecond), limit)
}

type forgetful struct{ *memoryTx }

func (t forgetful) DropExpired(before time.Time, limit int) (int, error) {
	defer func(newest time.Time) { t.meta.Time = newest }(t.meta.Time)
	return t.memoryTx.DropExpired(before, limit)
}

type greedy struct{ *memoryTx }

func (t greedy) DropExpired(before time.Time, _ int) (int, error) {
	return t.memoryTx.DropExpired(before, 1000)
}

type truncating struct{ *memoryTx }

func (t truncating) DropEntry(index uint64, rest []byte) error {
	err := t.memoryTx.DropEntry(index, rest)
	if err == nil {
		t.entries, t.meta.Size = t.entries[:index+1], index+1
	}
	return err
}

type thorough struct{ *memory }

func (t thorough) Scrub(ctx context.Context) error {
	_, err := t.Update(ctx, func(tx store.Tx) error { return tx.DeletePerson(hash(1)) })
	return err
}

type sharedIDs struct{ *memoryTx }

func (t sharedIDs) PutPerson(p store.Person) error { return put(t.memoryTx, t.people, p.Lookup, p) }

// defects are engines that the suite has to catch, each in the category that is there for it.
var defects = []struct {
	name, category string
	open           func(*memory) store.Store
}{
	{"keeps the caller's bytes", "records", withTx(func(t *memoryTx) store.Tx { return aliasing{t} })},
	{"forgets the context while it waits", "transactions", func(m *memory) store.Store { return patient{m} }},
	{"keeps what was undone", "transactions", withCommit(func(m *memory, _, last *contents, err error) {
		if err != nil {
			m.now = last
		}
	})},
	{"shows later commits to a view", "snapshots", withCommit(func(m *memory, before, last *contents, _ error) {
		*before = *last
		m.now = before
	})},
	{"forgets what it wrote", "durability", func(m *memory) store.Store { m.now = newMemory().now; return m }},
	{"lets updates race", "contention", func(m *memory) store.Store { return racing{m} }},
	{"lets time go back", "entries", withTx(func(t *memoryTx) store.Tx { return backwards{t} })},
	{"takes a root for that of more entries", "tree", withTx(func(t *memoryTx) store.Tx { return recounting{t} })},
	{"replaces a policy", "policies", withTx(func(t *memoryTx) store.Tx { return anyVersion{t} })},
	{"gives a number twice", "revocations", withTx(func(t *memoryTx) store.Tx { return reusing{t} })},
	{"forgets until when it dropped", "expiry", withTx(func(t *memoryTx) store.Tx { return forgetful{t} })},
	{"drops at the very end", "expiry", withTx(func(t *memoryTx) store.Tx { return early{t} })},
	{"drops more than asked", "expiry", withTx(func(t *memoryTx) store.Tx { return greedy{t} })},
	{"drops what comes after", "entries", withTx(func(t *memoryTx) store.Tx { return truncating{t} })},
	{"scrubs what is still there", "scrubbing", func(m *memory) store.Store { return thorough{m} }},
	{"copies while it changes", "backups", func(m *memory) store.Store { return moving{m} }},
	{"gives two people one id", "model", withTx(func(t *memoryTx) store.Tx { return sharedIDs{t} })},
}

func withTx(tx func(*memoryTx) store.Tx) func(*memory) store.Store {
	return func(m *memory) store.Store { return &broken{memory: m, tx: tx} }
}

func withCommit(commit func(m *memory, before, last *contents, err error)) func(*memory) store.Store {
	return func(m *memory) store.Store { return &broken{memory: m, commit: commit} }
}

// defectVariable names the defect to a test binary that is to fail.
const defectVariable = "WHITTLE_STORETEST_DEFECT"

func TestDefects(t *testing.T) {
	chosen := os.Getenv(defectVariable)
	for _, d := range defects {
		if chosen == d.name {
			remembered, restore := inMemory()
			Run(t, func(t testing.TB, folder string) store.Store { return d.open(remembered(t, folder).(*memory)) }, restore)
			return
		}
		if chosen != "" {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			run := exec.Command(os.Args[0], "-test.run=^TestDefects$/^"+d.category+"$", "-rapid.nofailfile", "-rapid.shrinktime=1ms")
			run.Env = append(os.Environ(), defectVariable+"="+d.name)
			out, err := run.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestDefects/"+d.category) {
				t.Errorf("category %s doesn't see it: %v\n%s", d.category, err, out)
			}
		})
	}
}
