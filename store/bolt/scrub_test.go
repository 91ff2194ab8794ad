package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/store"
)

func keyOf(i int) []byte {
	return bytes.Repeat(big.NewInt(int64(1_000_003*(i+1))).Bytes(), 32)[:32]
}

func lookupOf(i int) [32]byte { return [32]byte{byte(i * 37), byte(i), 1} }

func personOf(i int) store.Person {
	return store.Person{Lookup: lookupOf(i), ID: [16]byte{byte(i), 1, 1}, Key: keyOf(i), Since: epoch}
}

// traces is whose keys stand in the file, wherever.
func traces(t testing.TB, path string, people int) (found []int) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range people {
		if bytes.Contains(file, keyOf(i)) {
			found = append(found, i)
		}
	}
	return found
}

// A person's record is copied whenever a neighbour on its page changes, so its key stands in the file many times.
func TestScrubLeavesNoTraceOfWhatWasDeleted(t *testing.T) {
	const people = 60
	for seed := range 6 {
		folder := t.TempDir()
		s, there := open(t, folder), map[int]bool{}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, people-1), 20, 60).Example(seed) {
			if err := update(s, func(tx store.Tx) error {
				_, err := tx.AppendEntry(fmt.Appendf(nil, "%0*d", 200*i+1, i), epoch)
				if there[i] && i%2 == 0 {
					delete(there, i)
					return errors.Join(err, tx.DeletePerson(lookupOf(i)))
				}
				there[i] = true
				return errors.Join(err, tx.PutPerson(personOf(i)))
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Scrub(t.Context()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, name)
		found := traces(t, path, people)
		for i := range people {
			if there[i] != slices.Contains(found, i) {
				t.Errorf("seed %d: person %d is there: %v; in the file: %v", seed, i, there[i], !there[i])
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if list := problems(path); len(list) > 0 {
			t.Errorf("seed %d: %v", seed, list)
		}
	}
}

// A step clears so many pages and no more, since commits wait for it; the steps after it clear the rest.
func TestAStepOfScrubIsBounded(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	defer s.Close()
	const secrets = 100
	value := bytes.Repeat([]byte("gone with it"), 4096) // some 12 pages each
	for _, v := range [][]byte{value, nil} {
		if err := update(s, func(tx store.Tx) (err error) {
			for i := range secrets {
				err = errors.Join(err, tx.PutSecret(fmt.Sprint(i), v))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.touch(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := func() int {
		file, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(file, []byte("gone with it"))
	}
	steps := 0
	for next, done := uint64(2), false; !done; steps++ {
		before := left()
		var err error
		if next, done, err = s.scrubStep(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if cleared := before - left(); cleared > (scrubPages+1)*4096/len("gone with it") {
			t.Errorf("a step has cleared %d bytes", cleared*len("gone with it"))
		}
	}
	if steps < 2 || left() > 0 {
		t.Errorf("%d steps, and %d traces are left", steps, left())
	}
}

func TestWithoutScrubTracesAreLeft(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, name)
	s := open(t, folder)
	defer s.Close()
	if err := errors.Join(
		update(s, func(tx store.Tx) error { return tx.PutPerson(personOf(1)) }),
		update(s, func(tx store.Tx) error { return tx.DeletePerson(lookupOf(1)) }),
	); err != nil {
		t.Fatal(err)
	}
	if found := traces(t, path, 2); len(found) != 1 {
		t.Fatalf("nothing to scrub: %v", found)
	}
	if err := s.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := traces(t, path, 2); len(found) != 0 {
		t.Errorf("the key is still there: %v", found)
	}
}

// What somebody still reads is left alone until they have ended, and commits go on meanwhile.
func TestScrubWaitsForABackup(t *testing.T) {
	folder := t.TempDir()
	s := grown(t, folder)
	defer s.Close()
	if err := update(s, func(tx store.Tx) error { return tx.PutPerson(personOf(1)) }); err != nil {
		t.Fatal(err)
	}
	reading, goOn := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	copied := &slow{reading: reading, goOn: goOn}
	group.Go(func() {
		if _, err := s.Backup(context.Background(), copied); err != nil {
			t.Error("backup:", err)
		}
	})
	<-reading
	if err := update(s, func(tx store.Tx) error { return tx.DeletePerson(lookupOf(1)) }); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 2*scrubWait)
	defer cancel()
	if err := s.Scrub(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("during a backup: %v", err)
	}
	close(goOn)
	group.Wait()
	if err := s.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := traces(t, filepath.Join(folder, name), 2); len(found) != 0 {
		t.Errorf("left: %v", found)
	}
	restored := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(restored, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if list := problems(restored); len(list) > 0 {
		t.Error("the backup:", list)
	}
}

type slow struct {
	bytes.Buffer
	once          sync.Once
	reading, goOn chan struct{}
}

func (s *slow) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.reading); <-s.goOn })
	return s.Buffer.Write(p)
}

// Scrubbing goes on beside commits and views, none of which sees anything of it.
func TestScrubBesideOthers(t *testing.T) {
	folder := t.TempDir()
	s := grown(t, folder)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	var group sync.WaitGroup
	for n := range 2 {
		group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				p := personOf(100*n + i%40)
				if err := update(s, func(tx store.Tx) error {
					if i%3 == 0 {
						return tx.DeletePerson(p.Lookup)
					}
					return tx.PutPerson(p)
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
		group.Go(func() {
			for ctx.Err() == nil {
				if err := s.View(context.Background(), func(r store.Reader) error {
					var bad error
					err := r.People([32]byte{}, func(p store.Person) bool {
						if len(p.Key) != 32 {
							bad = fmt.Errorf("a key of %d bytes", len(p.Key))
						}
						return bad == nil
					})
					return errors.Join(err, bad)
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	rounds := 0
	for ; ctx.Err() == nil; rounds++ {
		if err := s.Scrub(context.Background()); err != nil {
			t.Error(err)
			break
		}
	}
	group.Wait()
	if rounds == 0 {
		t.Error("scrubbed nothing")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if list := problems(filepath.Join(folder, name)); len(list) > 0 {
		t.Error(list)
	}
}

// The machine may have stopped while a page was being cleared, so that its head is cleared and the rest isn't.
func TestScrubGoesOnWithAPageThatItHadBegunToClear(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, name)
	s := open(t, folder)
	defer s.Close()
	if err := s.View(t.Context(), func(store.Reader) error { // so that no page is used again
		var all []error
		for i := range 20 { // each of which copies those before it
			all = append(all, update(s, func(tx store.Tx) error { return tx.PutPerson(personOf(i)) }))
		}
		return errors.Join(append(all, update(s, func(tx store.Tx) error { return tx.DeletePerson(lookupOf(2)) }))...)
	}); err != nil {
		t.Fatal(err)
	}
	errStopped := errors.New("the machine stopped")
	torn, file := 0, s.file
	write := file.writeAt
	file.writeAt = func(b []byte, offset int64) (int, error) {
		torn++
		return write(b[:pageHeader], offset)
	}
	file.sync = func() error { return errStopped }
	if err := s.Scrub(t.Context()); !errors.Is(err, errStopped) || torn == 0 {
		t.Fatalf("%d pages torn: %v", torn, err)
	}
	if !slices.Contains(traces(t, path, 3), 2) {
		t.Fatal("nothing is left to clear")
	}
	file.writeAt, file.sync = write, file.os.Sync
	if err := s.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(traces(t, path, 3), 2) {
		t.Error("the key is still there")
	}
}
