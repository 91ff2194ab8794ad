package bolt

import (
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store"
)

// batch is one write transaction: what its functions share.
type batch struct {
	tx    *bbolt.Tx
	meta  store.Meta // as the functions so far left it; written once, by flush
	wrote bool
}

func newBatch(tx *bbolt.Tx) (*batch, error) {
	meta, err := (&reader{tx: tx}).Meta()
	return &batch{tx: tx, meta: meta}, err
}

// run runs the functions in turn. An error means that the transaction has to be undone.
func (b *batch) run(fns []func(store.Tx) error) ([]error, error) {
	outcomes := make([]error, len(fns))
	for i, fn := range fns {
		w := &writer{reader: reader{tx: b.tx}, batch: b}
		outcomes[i] = fn(w)
		w.tx = nil
		if w.broken != nil {
			return outcomes, fmt.Errorf("function %d of %d: %w: %w", i+1, len(fns), store.ErrDirty, w.broken)
		}
		if w.wrote && outcomes[i] != nil {
			return outcomes, fmt.Errorf("function %d of %d: %w", i+1, len(fns), store.ErrDirty)
		}
		b.wrote = b.wrote || w.wrote
	}
	return outcomes, nil
}

// flush writes what the batch kept back.
func (b *batch) flush() error {
	w := &writer{reader: reader{tx: b.tx}, batch: b}
	return w.save(tableMeta, keyMeta, &b.meta)
}
