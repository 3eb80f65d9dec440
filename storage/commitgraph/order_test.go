package commitgraph

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// lists gives the commits of a graph as ends and parents, the i-th being the node order[i].
func lists(g *Graph, order []Node) (ends, parents []uint32) {
	at := make([]uint32, len(order))
	for i, n := range order {
		at[n] = uint32(i)
	}
	for _, n := range order {
		for _, p := range g.Parents(n) {
			parents = append(parents, at[p])
		}
		ends = append(ends, uint32(len(parents)))
	}
	return ends, parents
}

func identity(g *Graph) []Node {
	order := make([]Node, g.Len())
	for n := range order {
		order[n] = Node(n)
	}
	return order
}

func TestOrderNumbersParentsBeforeChildrenAndBuildKeepsThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		order := rapid.Permutation(identity(g)).Draw(t, "order")
		ends, parents := lists(g, order)
		for i := range parents {
			if rapid.IntRange(0, 20).Draw(t, "cut") == 0 {
				parents[i] = NoParent
			}
		}
		nodes, err := Order(ends, parents)
		if err != nil {
			t.Fatal(err)
		}
		built := Build(ends, parents, nodes)
		if nodes == nil {
			nodes = identity(g)
		}
		if sorted := slices.Sorted(slices.Values(nodes)); !slices.Equal(sorted, identity(g)) {
			t.Fatalf("the numbers are %v", nodes)
		}
		begin := uint32(0)
		for i, end := range ends {
			var want []Node
			for _, p := range parents[begin:end] {
				if p == NoParent {
					continue
				}
				want = append(want, nodes[p])
				if nodes[p] >= nodes[i] {
					t.Fatalf("commit %d is node %d, its parent is node %d", i, nodes[i], nodes[p])
				}
			}
			if got := built.Parents(nodes[i]); !slices.Equal(got, want) {
				t.Fatalf("commit %d has the parents %v, want %v", i, got, want)
			}
			begin = end
		}
	})
}

func TestCommitsInOrderKeepTheirNumbersAndNewestFirstIsTurnedRound(t *testing.T) {
	g, _ := history(500, 20)
	order := identity(g)
	if nodes, err := Order(lists(g, order)); nodes != nil || err != nil {
		t.Errorf("commits in order are numbered %v, %v", nodes, err)
	}
	slices.Reverse(order)
	nodes, err := Order(lists(g, order))
	if err != nil || !slices.Equal(nodes, order) {
		t.Errorf("commits newest first are numbered %v, %v", nodes, err)
	}
}

func TestCommitsNearlyInOrderStayWhereTheyAre(t *testing.T) {
	g, _ := history(500, 20)
	n := Node(250)
	for !slices.Contains(g.Parents(n), n-1) {
		n++
	}
	order := identity(g)
	order[n-1], order[n] = n, n-1
	for _, end := range []string{"oldest", "newest"} {
		if end == "newest" {
			slices.Reverse(order)
		}
		nodes, err := Order(lists(g, order))
		if err != nil || !slices.Equal(nodes, order) {
			t.Errorf("a child before its parent among commits %s first: %v, %v", end, nodes, err)
		}
	}
}

func TestOrderRefusesWhatNoHistoryCanHold(t *testing.T) {
	for _, c := range []struct {
		name          string
		ends, parents []uint32
		err           string
	}{
		{"a cycle of three", []uint32{1, 2, 3, 4}, []uint32{NoParent, 2, 3, 1}, "its own ancestor"},
		{"a cycle below a tip", []uint32{1, 2, 3}, []uint32{1, 2, 1}, "its own ancestor"},
		{"its own parent", []uint32{0, 1}, []uint32{1}, "its own parent"},
		{"a missing commit", []uint32{1}, []uint32{7}, "the parent 7 of 1"},
		{"ends that go back", []uint32{1, 0}, []uint32{NoParent}, "end at 0"},
		{"ends beyond the parents", []uint32{1}, nil, "end at 1 of 0"},
	} {
		if _, err := Order(c.ends, c.parents); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
	}
}

func TestNoCommitsAreInOrder(t *testing.T) {
	nodes, err := Order(nil, nil)
	if nodes != nil || err != nil || Build(nil, nil, nil).Len() != 0 {
		t.Errorf("%v, %v", nodes, err)
	}
}

func BenchmarkOrderAMillion(b *testing.B) {
	g, _ := history(1_000_000, 390)
	oldest := identity(g)
	newest := slices.Clone(oldest)
	slices.Reverse(newest)
	nearly := slices.Clone(newest)
	nearly[10], nearly[11] = nearly[11], nearly[10]
	shuffled := slices.Clone(oldest)
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(shuffled), func(i, j int) {
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	})
	for _, c := range []struct {
		name  string
		order []Node
	}{{"oldest first", oldest}, {"newest first", newest}, {"nearly newest first", nearly}, {"shuffled", shuffled}} {
		ends, parents := lists(g, c.order)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				nodes, err := Order(ends, parents)
				if err != nil {
					b.Fatal(err)
				}
				Build(ends, parents, nodes)
			}
		})
	}
}
