package commitgraph

import "math/bits"

// AheadBehind counts the commits that a reaches and b does not, and those that b reaches and a does not, as
// git rev-list --left-right --count a...b does. The pass ends where both reach all that is left to look at, so it
// takes the time of the commits above that point, not of the history.
func (g *Graph) AheadBehind(a, b Node) (ahead, behind int) {
	s := sides{words: make([]uint64, max(a, b)/sidesInWord+1)}
	s.mark(a, ofA)
	s.mark(b, ofB)
	for n := max(a, b); s.oneSided > 0; n-- {
		n = s.highest(n)
		side := s.of(n)
		switch side {
		case ofA:
			ahead++
			s.oneSided--
		case ofB:
			behind++
			s.oneSided--
		}
		for _, p := range g.Parents(n) {
			s.mark(p, side)
		}
	}
	return ahead, behind
}

// side tells by which of two tips a commit is reached.
type side uint64

const (
	ofA side = 1 << iota
	ofB

	sidesInWord = 32 // two bits each
)

// sides holds the side of each commit, as far as a pass from children to parents found it.
type sides struct {
	words    []uint64
	oneSided int // commits of one side that are still to be looked at
}

func (s *sides) of(n Node) side { return side(s.words[n/sidesInWord] >> (n % sidesInWord * 2) & 3) }

// mark adds a side to a commit.
func (s *sides) mark(n Node, more side) {
	before := s.of(n)
	after := before | more
	s.words[n/sidesInWord] |= uint64(after) << (n % sidesInWord * 2)
	s.oneSided += after.single() - before.single()
}

// single is 1 for one side and 0 for none or both.
func (s side) single() int { return int(s&1 ^ s>>1) }

// highest gives the highest commit up to n that has a side. There is one as long as any is still to be looked at.
func (s *sides) highest(n Node) Node {
	word := n / sidesInWord
	found := s.words[word] << (62 - n%sidesInWord*2) >> (62 - n%sidesInWord*2)
	for found == 0 {
		word--
		found = s.words[word]
	}
	return word*sidesInWord + Node(bits.Len64(found)-1)/2
}
