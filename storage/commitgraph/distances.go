package commitgraph

import "slices"

// Distance is how far a tip is from another one.
type Distance struct{ Ahead, Behind int }

// few is up to how many tips of one question each have a pass of their own: of a tip that left the base not long ago it is short.
const few = 3

// Distances gives for each of the tips what AheadBehind counts between it and base. One pass serves 64 tips; it ends where all of
// them and base reach all that is left to look at, and takes at worst the time of the history and 8 bytes a commit.
func (g *Graph) Distances(tips []Node, base Node) []Distance {
	found := make([]Distance, len(tips))
	if len(tips) <= few {
		for i, t := range tips {
			found[i].Ahead, found[i].Behind = g.AheadBehind(t, base)
		}
		return found
	}
	order := make([]int, len(tips))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return int(tips[j]) - int(tips[i]) }) // those of one pass end together
	for batch := range slices.Chunk(order, 64) {
		c := crowd{all: ^uint64(0) >> (64 - len(batch)), base: make(Set, (g.Len()+63)/64)}
		last := max(base, tips[batch[0]])
		c.tips = make([]uint64, last+1)
		for i, at := range batch {
			c.mark(tips[at], 1<<i, false)
		}
		c.mark(base, 0, true)
		c.count(g, last)
		for i, at := range batch {
			found[at] = Distance{Ahead: c.ahead.of(i), Behind: c.inBase - c.shared.of(i)}
		}
	}
	return found
}

// crowd is a pass from children to parents: up to 64 tips, and the base that they are compared with.
type crowd struct {
	tips []uint64 // by node: which of the tips reach it, as far as the pass has come
	base Set
	all  uint64
	open int // commits that are still to be looked at and that base or one of the tips does not reach yet

	ahead  tally // commits that base does not reach
	shared tally // commits that it does
	inBase int
}

func (c *crowd) isOpen(n Node) bool {
	if c.base.Has(n) {
		return c.tips[n] != c.all
	}
	return c.tips[n] != 0
}

// mark adds to what reaches a commit.
func (c *crowd) mark(n Node, tips uint64, isBase bool) {
	if c.isOpen(n) {
		c.open--
	}
	c.tips[n] |= tips
	if isBase {
		c.base.add(n)
	}
	if c.isOpen(n) {
		c.open++
	}
}

func (c *crowd) count(g *Graph, last Node) {
	for n := last; c.open > 0; n-- {
		tips, isBase := c.tips[n], c.base.Has(n)
		if tips == 0 && !isBase {
			continue
		}
		if c.isOpen(n) {
			c.open--
		}
		if isBase {
			c.inBase++
			c.shared.add(tips)
		} else {
			c.ahead.add(tips)
		}
		for _, p := range g.Parents(n) {
			c.mark(p, tips, isBase)
		}
	}
}

// tally counts for each of 64 bits in how many words it is set. The k-th word holds the k-th bit of all 64 counts, so that a word is
// added by a few operations for all its bits together.
type tally [31]uint64 // a Node is an int32: there are no more commits

func (t *tally) add(word uint64) {
	for k := 0; word != 0; k++ {
		t[k], word = t[k]^word, t[k]&word
	}
}

// of gives the count of a bit.
func (t *tally) of(bit int) (n int) {
	for k, word := range t {
		n |= int(word>>bit&1) << k
	}
	return n
}
