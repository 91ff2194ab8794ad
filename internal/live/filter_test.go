package live

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// Whatever stands in front of the maps: what is revoked is found, of each kind, before and after others were forgotten.
func TestWhatIsRevokedIsFoundAmongMany(t *testing.T) {
	t.Parallel()
	all := []Kind{Token, Task, Subject, Client, Group, Issuer, Key, "of a later version"}
	r := newRevocations()
	selector := func(i int) Selector { return Selector{all[i%len(all)], fmt.Sprint("value ", i)} }
	ends := func(i int) time.Time { return noon.Add(time.Duration(1+i%2) * time.Hour) }
	const many = 8000
	for i := range many {
		s := selector(i)
		r.Apply(store.Revocation{Seq: uint64(i + 1), Kind: string(s.Kind), Selector: s.Value, At: noon, Expires: ends(i)})
	}
	for _, at := range []time.Time{noon, noon.Add(90 * time.Minute), noon.Add(3 * time.Hour)} {
		r.Forget(at)
		left := 0
		for i := range many {
			_, found := r.find(selector(i))
			if alive := !ends(i).Before(at); found != alive {
				t.Fatalf("at %v, %v that ends at %v: found is %v", at, selector(i), ends(i), found)
			}
			if found {
				left++
			}
		}
		if r.Len() != left {
			t.Errorf("at %v there are %d, and it says %d", at, left, r.Len())
		}
	}
}

// While others are forgotten, a revocation acts from the moment that it was announced.
func TestWhatIsRevokedIsFoundWhileOthersAreForgotten(t *testing.T) {
	t.Parallel()
	r := newRevocations()
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				r.Forget(noon.Add(time.Hour))
			}
		}
	})
	for i := range 2000 {
		kept, gone := Selector{Token, fmt.Sprint("kept ", i)}, Selector{Token, fmt.Sprint("gone ", i)}
		r.Apply(store.Revocation{Seq: uint64(2*i + 1), Kind: string(Token), Selector: gone.Value, At: noon, Expires: noon})
		r.Announce(kept, false, noon)
		for k := i; k >= 0 && k > i-50; k-- {
			if _, found := r.find(Selector{Token, fmt.Sprint("kept ", k)}); !found {
				t.Fatalf("the %d. of %d isn't found", k, i)
			}
		}
	}
	close(done)
	group.Wait()
}

func TestAFilterGrowsWithWhatIsRevoked(t *testing.T) {
	t.Parallel()
	r := newRevocations()
	const many = 40_000
	for i := range many {
		r.Announce(Selector{Token, fmt.Sprint("revoked ", i)}, false, noon)
	}
	passed := 0
	for i := range many {
		if _, found := r.find(Selector{Token, fmt.Sprint("revoked ", i)}); !found {
			t.Fatalf("the %d. isn't found", i)
		}
		d := Selector{Token, fmt.Sprint("another ", i)}.digest()
		if r.kinds[Token.place()].at(d).filter.Load().mayHave(d) {
			passed++
		}
	}
	if passed > many/leastBits {
		t.Errorf("%d of %d that aren't there get past the filters", passed, many)
	}
}
