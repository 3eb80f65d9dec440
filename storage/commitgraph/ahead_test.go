package commitgraph

import (
	"testing"

	"pgregory.net/rapid"
)

func TestAheadAndBehindCountWhatOneSideAloneReaches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		a := Node(rapid.IntRange(0, g.Len()-1).Draw(t, "a"))
		b := Node(rapid.IntRange(0, g.Len()-1).Draw(t, "b"))
		ofA, ofB := g.Reachable(a), g.Reachable(b)
		wantAhead, wantBehind := 0, 0
		for n := range Node(g.Len()) {
			switch {
			case ofA.Has(n) && !ofB.Has(n):
				wantAhead++
			case ofB.Has(n) && !ofA.Has(n):
				wantBehind++
			}
		}
		ahead, behind := g.AheadBehind(a, b)
		if ahead != wantAhead || behind != wantBehind {
			t.Fatalf("%d is %d ahead and %d behind of %d, want %d and %d", a, ahead, behind, b, wantAhead, wantBehind)
		}
	})
}

func TestDistancesAreWhatAheadBehindCountsForEachTip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		node := rapid.Custom(func(t *rapid.T) Node { return Node(rapid.IntRange(0, g.Len()-1).Draw(t, "node")) })
		count := rapid.SampledFrom([]int{0, 1, 3, 4, 63, 64, 65, 130}).Draw(t, "count")
		tips, base := rapid.SliceOfN(node, count, count).Draw(t, "tips"), node.Draw(t, "base")
		for i, d := range g.Distances(tips, base) {
			if ahead, behind := g.AheadBehind(tips[i], base); d != (Distance{ahead, behind}) {
				t.Fatalf("%d from %d: %+v, want %d ahead and %d behind", tips[i], base, d, ahead, behind)
			}
		}
	})
}

func TestAChainIsAheadOfItsStart(t *testing.T) {
	g := New(200)
	tip := g.Add()
	for range 199 {
		tip = g.Add(tip)
	}
	for _, c := range []struct {
		a, b          Node
		ahead, behind int
	}{{tip, tip, 0, 0}, {tip, 0, 199, 0}, {63, 64, 0, 1}, {127, 64, 63, 0}} {
		if ahead, behind := g.AheadBehind(c.a, c.b); ahead != c.ahead || behind != c.behind {
			t.Errorf("%d is %d ahead and %d behind of %d, want %d and %d", c.a, ahead, behind, c.b, c.ahead, c.behind)
		}
	}
}

func BenchmarkAheadBehindAMillion(b *testing.B) {
	g, tips := history(1_000_000, 390)
	main := tips[len(tips)-1]
	for _, c := range []struct {
		name string
		tip  Node
	}{{"newest", tips[len(tips)-20]}, {"oldest", tips[0]}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				g.AheadBehind(c.tip, main)
			}
		})
	}
}

func BenchmarkDistancesInAMillion(b *testing.B) {
	g, tips := history(1_000_000, 390)
	base, branches := tips[len(tips)-1], tips[:len(tips)-1]
	step := len(branches) / 64
	var spread []Node
	for i := range 64 {
		spread = append(spread, branches[i*step])
	}
	for _, c := range []struct {
		name string
		tips []Node
	}{{"the 64 newest", branches[len(branches)-64:]}, {"64 of all ages", spread}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Distances(c.tips, base)
			}
		})
	}
}
