package bolt

import (
	"testing"

	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t testing.TB, folder string) store.Store { return open(t, folder) })
}
