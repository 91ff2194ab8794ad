package main

import "testing"

func TestAMixtureHasItsParts(t *testing.T) {
	fresh := make([][]byte, 15)
	for i := range fresh {
		fresh[i] = []byte{'f'}
	}
	counts := map[string]int{}
	for _, m := range mixture(100, [][]byte{[]byte("s")}, fresh, [][]byte{[]byte("d")}) {
		counts[string(m)]++
	}
	if counts["s"] != 80 || counts["f"] != 15 || counts["d"] != 5 {
		t.Error(counts)
	}
}
