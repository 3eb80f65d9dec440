package commitgraph

import (
	"math/bits"
	"slices"
)

// sets holds many sets of small numbers of which most differ little from another. A set is a binary tree over the
// numbers from 0 on: a leaf is the bits of 64 numbers, a node above it two halves. Equal trees are kept once, at
// every height, so a set that adds a number to another one costs one new path, and sets are equal when their
// numbers in sets are. At each height 0 is the empty tree.
type sets struct {
	height int // of all the trees; a leaf has height 0
	leaves []uint64
	nodes  []halves
}

type halves struct{ low, high int32 }

// each calls f with the numbers in a set.
func (s *sets) each(set int32, f func(number int)) { s.eachBelow(s.height, set, 0, f) }

func (s *sets) eachBelow(height int, tree int32, first int, f func(number int)) {
	switch {
	case tree == 0:
	case height == 0:
		for leaf := s.leaves[tree]; leaf != 0; leaf &= leaf - 1 {
			f(first + bits.TrailingZeros64(leaf))
		}
	default:
		s.eachBelow(height-1, s.nodes[tree].low, first, f)
		s.eachBelow(height-1, s.nodes[tree].high, first+32<<height, f)
	}
}

func (s *sets) bytes() int64 { return 8 * int64(cap(s.leaves)+cap(s.nodes)) }

// setBuilder makes sets, within limits of memory and time.
type setBuilder struct {
	sets
	leafOf map[uint64]int32
	nodeOf map[halves]int32
	unions []union // those made last, by a hash of x and y
	left   limits
}

// limits are what may still be done: the sets that are being made are finished when a limit is reached, no further
// ones are begun.
type limits struct {
	trees int // leaves and nodes made, 8 bytes each
	steps int // leaves and nodes compared
}

// union is the union of two sets.
type union struct{ x, y, both int32 }

// newSetBuilder makes sets of the numbers from 0 to size-1.
func newSetBuilder(size int, l limits) *setBuilder {
	b := &setBuilder{
		sets:   sets{leaves: make([]uint64, 1), nodes: make([]halves, 1)},
		leafOf: map[uint64]int32{},
		nodeOf: map[halves]int32{},
		left:   l,
	}
	for 64<<b.height < size {
		b.height++
	}
	b.unions = make([]union, 64<<min(b.height+2, 10))
	return b
}

// add gives the set of the numbers from first to end-1, or undecided when a limit is reached.
func (b *setBuilder) add(first, end int) int32 {
	if b.isSpent() {
		return undecided
	}
	return b.span(b.height, first, end)
}

// join gives the union of two sets, or undecided when one of them is not known or a limit is reached.
func (b *setBuilder) join(x, y int32) int32 {
	switch {
	case x == y || y == 0:
		return x
	case x == 0:
		return y
	case x < 0 || y < 0:
		return undecided
	}
	x, y = min(x, y), max(x, y)
	u := &b.unions[int((uint64(x)<<32|uint64(y))*0x9e3779b97f4a7c15>>32)&(len(b.unions)-1)]
	if u.x == x && u.y == y {
		return u.both
	}
	if b.isSpent() {
		return undecided
	}
	*u = union{x, y, b.union(b.height, x, y)}
	return u.both
}

func (b *setBuilder) isSpent() bool { return b.left.trees <= 0 || b.left.steps <= 0 }

// union gives the union of two trees of one height.
func (b *setBuilder) union(height int, x, y int32) int32 {
	b.left.steps--
	switch {
	case x == y || y == 0:
		return x
	case x == 0:
		return y
	case height == 0:
		return b.leaf(b.leaves[x] | b.leaves[y])
	}
	n, m := b.nodes[x], b.nodes[y]
	return b.node(halves{b.union(height-1, n.low, m.low), b.union(height-1, n.high, m.high)})
}

// span gives the tree of the numbers from first to end-1, counted from where the tree begins.
func (b *setBuilder) span(height, first, end int) int32 {
	first, end = max(first, 0), min(end, 64<<height)
	switch {
	case first >= end:
		return 0
	case height == 0:
		return b.leaf(^uint64(0) << first & (^uint64(0) >> (64 - end)))
	}
	half := 32 << height
	return b.node(halves{b.span(height-1, first, end), b.span(height-1, first-half, end-half)})
}

func (b *setBuilder) leaf(l uint64) int32 {
	tree, ok := b.leafOf[l]
	if !ok {
		tree = int32(len(b.leaves))
		b.leaves = append(b.leaves, l)
		b.leafOf[l] = tree
		b.left.trees--
	}
	return tree
}

func (b *setBuilder) node(n halves) int32 {
	tree, ok := b.nodeOf[n]
	if !ok {
		tree = int32(len(b.nodes))
		b.nodes = append(b.nodes, n)
		b.nodeOf[n] = tree
		b.left.trees--
	}
	return tree
}

// finish gives the sets without what it took to make them.
func (b *setBuilder) finish() sets {
	return sets{height: b.height, leaves: slices.Clone(b.leaves), nodes: slices.Clone(b.nodes)}
}
