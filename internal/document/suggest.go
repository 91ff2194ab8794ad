package document

import (
	"fmt"
	"slices"
	"strings"
)

// Instead ends a message about an unknown name with the nearest known one, if any is near.
func Instead(name string, known []string) string {
	best, distance := "", min(3, max(1, len(name)/3))+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := edits(name, k, distance); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// edits is the number of characters to change, add, drop or swap with the next to make b of a,
// whatever their case; at least most if it isn't below that, or if a name is long.
func edits(a, b string, most int) int {
	const long = 64
	if len(a) > long || len(b) > long || max(len(a), len(b))-min(len(a), len(b)) >= most {
		return most
	}
	a, b = strings.ToLower(a), strings.ToLower(b)
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		if slices.Min(row) > most {
			return most // it never falls again, but for one swap
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
