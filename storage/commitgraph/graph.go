// Package commitgraph answers reachability questions over the commits of one repository: which commits a tip
// reaches, which tips contain a commit, and how far two tips are apart.
//
// Commits are nodes numbered from 0 so that parents come before their children. Over that order each question is
// one linear pass over two flat arrays, and one pass serves 64 commits at once: a bit each, handed from parents to
// children. A million commits cost some 10 MB and a few milliseconds. Where many commits are asked about the same
// tips, Group makes the pass once for all of them.
package commitgraph

// Node numbers a commit in its graph.
type Node = int32

// Graph is the commits of one repository. A finished graph is not changed any more and is safe for concurrent use.
type Graph struct {
	parents []Node
	end     []int32 // end[n] is where the parents of n end; they begin where those of n-1 end
}

// New returns an empty graph with room for n commits.
func New(n int) *Graph {
	return &Graph{parents: make([]Node, 0, n+n/8), end: make([]int32, 0, n)}
}

// Add appends a commit and returns its node. Its parents must have been added before.
func (g *Graph) Add(parents ...Node) Node {
	g.parents = append(g.parents, parents...)
	g.end = append(g.end, int32(len(g.parents)))
	return Node(len(g.end) - 1)
}

// Extended gives a graph that begins with the commits of g and can be added to, while g stays as it is and in use. The two
// share memory, so that a graph is extended at most once.
func (g *Graph) Extended() *Graph {
	h := *g
	return &h
}

// Len counts the commits.
func (g *Graph) Len() int { return len(g.end) }

// Parents gives the parents of a commit. The caller must not change them.
func (g *Graph) Parents(n Node) []Node {
	if n == 0 {
		return g.parents[:g.end[0]]
	}
	return g.parents[g.end[n-1]:g.end[n]]
}

// Bytes estimates the memory that the graph holds.
func (g *Graph) Bytes() int64 { return 4 * int64(cap(g.parents)+cap(g.end)) }

// Set is a set of nodes of one graph.
type Set []uint64

// Has reports whether the set holds a node.
func (s Set) Has(n Node) bool { return s[n>>6]>>(n&63)&1 != 0 }

func (s Set) add(n Node) { s[n>>6] |= 1 << (n & 63) }

// Reachable gives the commits that the tips reach, themselves included.
func (g *Graph) Reachable(tips ...Node) Set {
	s := make(Set, (g.Len()+63)/64)
	last := Node(-1)
	for _, t := range tips {
		s.add(t)
		last = max(last, t)
	}
	for n := last; n >= 0; n-- {
		if s.Has(n) {
			for _, p := range g.Parents(n) {
				s.add(p)
			}
		}
	}
	return s
}

// Containing tells for each node which of up to 64 commits it reaches: bit i of the answer for a node is set when
// the node reaches commits[i].
func (g *Graph) Containing(commits []Node) Containment {
	return g.hand(commits, func(i int) uint64 { return 1 << i })
}

// ContainingAny tells for each node whether it reaches one of the commits, of which there may be any number: bit 0
// of the answer is set when it does.
func (g *Graph) ContainingAny(commits []Node) Containment {
	return g.hand(commits, func(int) uint64 { return 1 })
}

// hand gives the i-th commit its mask and hands masks from parents to children.
func (g *Graph) hand(commits []Node, mask func(i int) uint64) Containment {
	first := Node(g.Len())
	for _, c := range commits {
		first = min(first, c)
	}
	masks := make([]uint64, Node(g.Len())-first)
	for i, c := range commits {
		masks[c-first] |= mask(i)
	}
	for n := first; n < Node(g.Len()); n++ {
		m := masks[n-first]
		for _, p := range g.Parents(n) {
			if p >= first {
				m |= masks[p-first]
			}
		}
		masks[n-first] = m
	}
	return Containment{first: first, masks: masks}
}

// Containment is the answer of Containing and ContainingAny.
type Containment struct {
	first Node
	masks []uint64
}

// At gives the commits that a node reaches, a bit each in the order they were asked for.
func (c Containment) At(n Node) uint64 {
	if n < c.first {
		return 0
	}
	return c.masks[n-c.first]
}
