package sealed

import "github.com/whittle-sts/whittle/store"

type writer struct {
	store.Tx
	reader reader // on the same transaction
}

func (w writer) Keys() ([]store.Key, error)                   { return w.reader.Keys() }
func (w writer) SecretNames() ([]string, error)               { return w.reader.SecretNames() }
func (w writer) Secret(name string) ([]byte, error)           { return w.reader.Secret(name) }
func (w writer) Person(lookup [32]byte) (store.Person, error) { return w.reader.Person(lookup) }
func (w writer) PersonByID(id [16]byte) (store.Person, error) { return w.reader.PersonByID(id) }
func (w writer) People(after [32]byte, fn func(store.Person) bool) error {
	return w.reader.People(after, fn)
}

func (w writer) PutKey(k store.Key) error {
	if err := key(&k, w.reader.seal); err != nil {
		return err
	}
	return w.Tx.PutKey(k)
}

func (w writer) PutSecret(name string, value []byte) error {
	if name == ringName {
		return errHidden
	}
	if err := w.reader.seal(&value, secret(name)); err != nil {
		return err
	}
	return w.Tx.PutSecret(name, value)
}

func (w writer) PutPerson(p store.Person) error {
	if err := w.reader.seal(&p.Key, person(&p)); err != nil {
		return err
	}
	return w.Tx.PutPerson(p)
}
