package commitgraph

import (
	"math"
	"slices"
	"testing"
)

// TestUnionsHoldWhatTheirSetsHold makes more unions than setBuilder remembers.
func TestUnionsHoldWhatTheirSetsHold(t *testing.T) {
	const size = 70
	b := newSetBuilder(size, limits{trees: math.MaxInt, steps: math.MaxInt})
	single := func(i int) int32 { return b.add(i, i+1) }
	var got []int
	sets := map[int32]bool{}
	for i := range size {
		for j := range size {
			for k := range j {
				union := b.join(single(i), b.join(single(j), single(k)))
				sets[union] = true
				got = got[:0]
				b.each(union, func(number int) { got = append(got, number) })
				want := []int{i, j, k}
				slices.Sort(want)
				if want = slices.Compact(want); !slices.Equal(got, want) {
					t.Fatalf("the union of %d, %d and %d is %v", i, j, k, got)
				}
			}
		}
	}
	if want := size*(size-1)*(size-2)/6 + size*(size-1)/2; len(sets) != want {
		t.Errorf("%d sets of two or three numbers, want %d", len(sets), want)
	}
}
