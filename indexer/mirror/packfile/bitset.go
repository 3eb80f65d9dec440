package packfile

import "sync/atomic"

// bitset is a set of positions. It may be read while one goroutine adds to it.
type bitset []atomic.Uint32

func newBitset(n int) bitset { return make(bitset, (n+31)/32) }

func (b bitset) has(pos uint32) bool { return b[pos/32].Load()>>(pos%32)&1 == 1 }

// add reports whether the position was not there before.
func (b bitset) add(pos uint32) bool {
	bit := uint32(1) << (pos % 32)
	return b[pos/32].Or(bit)&bit == 0
}
