package packfile

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
)

const (
	// chunkBits makes chunks of 128 KiB of a pack: some four hundred commits, when they are alone. What they inflate to stays in
	// the cache of the processor until it is parsed.
	chunkBits = 17
	// minEntry is how short an entry can be: one byte of type and size, and the shortest zlib stream.
	minEntry = 1 + 8
)

// layout tells which objects begin in each chunk of a pack.
type layout struct {
	starts []uint32 // chunk c has order[starts[c]:starts[c+1]]
	order  []uint32 // positions by chunk, in no order inside; nil when the pack has a .rev file, which is sorted
}

// chunks is how many chunks there are.
func (l *layout) chunks() int { return len(l.starts) - 1 }

// chunkOf is the chunk in which an entry begins.
func chunkOf(offset int64) int { return int(offset >> chunkBits) }

// newLayout reads the offsets of all objects, and checks that they are in the pack. It takes some ten nanoseconds for each,
// where sorting them would take fifty: most chunks of a pack hold no commit and need no order.
func newLayout(p *pack) (*layout, error) {
	l := &layout{starts: make([]uint32, chunkOf(p.end)+2)}
	n := uint32(p.index.count)
	for pos := range n {
		at := p.index.offset(pos)
		if at < packHead || at >= p.end {
			return nil, p.corrupt(at, "is named by the index and lies outside")
		}
		l.starts[chunkOf(at)+1]++
	}
	for c := range l.chunks() {
		if l.starts[c+1] > 1<<chunkBits/minEntry+1 {
			return nil, fmt.Errorf("%w: %s.idx: more objects than there is room for", ErrCorrupt, filepath.Base(p.name))
		}
		l.starts[c+1] += l.starts[c]
	}
	if p.rev != nil {
		return l, nil
	}
	l.order = make([]uint32, n)
	next := slices.Clone(l.starts)
	for pos := range n {
		c := chunkOf(p.index.offset(pos))
		l.order[next[c]] = pos
		next[c]++
	}
	return l, nil
}

// objects gives the objects of a chunk in the order of the pack, in keys' memory where that is large enough. Each is its
// offset in the chunk, above 32 bits of its position.
func (l *layout) objects(p *pack, chunk int, keys []uint64) ([]uint64, error) {
	keys = keys[:0]
	start := int64(chunk) << chunkBits
	for i := l.starts[chunk]; i < l.starts[chunk+1]; i++ {
		var pos uint32
		if l.order != nil {
			pos = l.order[i]
		} else if pos = binary.BigEndian.Uint32(p.rev[4*i:]); int64(pos) >= int64(p.index.count) {
			return nil, fmt.Errorf("%w: %s.rev: an object that the index has not", ErrCorrupt, filepath.Base(p.name))
		}
		at := p.index.offset(pos)
		if chunkOf(at) != chunk {
			return nil, fmt.Errorf("%w: %s.rev: it is not in the order of the pack", ErrCorrupt, filepath.Base(p.name))
		}
		keys = append(keys, uint64(at-start)<<32|uint64(pos))
	}
	if l.order != nil {
		slices.Sort(keys)
	}
	return keys, nil
}
