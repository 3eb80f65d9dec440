package commitgraph

import (
	"testing"

	"pgregory.net/rapid"
)

// reaches is the slow truth: a plain search along parents.
func reaches(g *Graph, from, to Node) bool {
	seen := map[Node]bool{}
	todo := []Node{from}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n == to {
			return true
		}
		if seen[n] {
			continue
		}
		seen[n] = true
		todo = append(todo, g.Parents(n)...)
	}
	return false
}

func drawGraph(t *rapid.T) *Graph {
	n := rapid.IntRange(1, 150).Draw(t, "commits")
	g := New(n)
	for i := range n {
		var parents []Node
		if i > 0 {
			for range rapid.IntRange(0, 3).Draw(t, "parents") {
				parents = append(parents, Node(rapid.IntRange(0, i-1).Draw(t, "parent")))
			}
		}
		if got := g.Add(parents...); got != Node(i) {
			t.Fatalf("node %d added as %d", i, got)
		}
	}
	return g
}

func TestReachabilityEqualsAPlainSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		node := rapid.Custom(func(t *rapid.T) Node { return Node(rapid.IntRange(0, g.Len()-1).Draw(t, "node")) })
		tips := rapid.SliceOfN(node, 0, 3).Draw(t, "tips")
		set := g.Reachable(tips...)
		asked := rapid.SliceOfN(node, 0, 64).Draw(t, "commits")
		containing := g.Containing(asked)
		containsAny := g.ContainingAny(asked)
		for n := range Node(g.Len()) {
			if got, want := containsAny.At(n) != 0, containing.At(n) != 0; got != want {
				t.Fatalf("%d contains any of %v: %v, want %v", n, asked, got, want)
			}
			want := false
			for _, tip := range tips {
				want = want || reaches(g, tip, n)
			}
			if set.Has(n) != want {
				t.Fatalf("tips %v reach %d: %v, want %v", tips, n, set.Has(n), want)
			}
			for i, c := range asked {
				if got, want := containing.At(n)>>i&1 != 0, reaches(g, n, c); got != want {
					t.Fatalf("%d contains %d: %v, want %v", n, c, got, want)
				}
			}
		}
	})
}

func BenchmarkContaining64CommitsInAMillion(b *testing.B) {
	const n = 1_000_000
	g := New(n)
	for i := range n {
		switch {
		case i == 0:
			g.Add()
		case i > 100 && i%10 == 0:
			g.Add(Node(i-1), Node(i-100))
		default:
			g.Add(Node(i - 1))
		}
	}
	commits := make([]Node, 64)
	for i := range commits {
		commits[i] = Node(i * 1000)
	}
	b.ReportAllocs()
	for b.Loop() {
		g.Containing(commits)
	}
}
