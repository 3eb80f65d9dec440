package packfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"keytrail/storage"
)

const (
	nameLen   = len(storage.OID{})
	fanoutLen = 256 * 4
)

// index is the .idx file of a pack: the names of its objects in order, and where each is. Objects are called by their
// position in that order.
type index struct {
	count   int
	fanout  []byte // for each first byte of a name, how many names begin with it or a lower one
	names   []byte // name i begins at i*nameStride
	offsets []byte // the offset of object i begins at i*offsetStride
	large   []byte // offsets of 8 bytes, which offsets with the top bit refer to; version 2 only
	version int
	packSum []byte // the checksum that ends the pack

	nameStride, offsetStride int
}

// newIndex reads an index of version 1 or 2. The names are not checked to be in order: where they are not, find misses.
func newIndex(data []byte) (*index, error) {
	const headV2 = "\xfftOc\x00\x00\x00\x02"
	var x *index
	var err error
	switch {
	case bytes.HasPrefix(data, []byte(headV2)):
		x, err = newIndexV2(data[len(headV2):])
	case bytes.HasPrefix(data, []byte(headV2[:4])):
		return nil, fmt.Errorf("%w: an index of a version that is neither 1 nor 2", ErrOdd)
	default:
		x, err = newIndexV1(data)
	}
	if err != nil {
		return nil, err
	}
	return x, x.checkFanout()
}

func newIndexV1(data []byte) (*index, error) {
	const entry = 4 + nameLen
	x := &index{version: 1, nameStride: entry, offsetStride: entry}
	body, err := x.cut(data)
	if err != nil {
		return nil, err
	}
	if len(body) != x.count*entry {
		return nil, fmt.Errorf("%w: the index has %d bytes for %d objects", ErrCorrupt, len(body), x.count)
	}
	if x.count > 0 {
		x.offsets, x.names = body, body[4:]
	}
	return x, nil
}

func newIndexV2(data []byte) (*index, error) {
	x := &index{version: 2, nameStride: nameLen, offsetStride: 4}
	body, err := x.cut(data)
	if err != nil {
		return nil, err
	}
	const each = nameLen + 4 + 4 // name, checksum, offset
	if rest := len(body) - x.count*each; rest < 0 || rest%8 != 0 || rest/8 > x.count {
		return nil, fmt.Errorf("%w: the index has %d bytes for %d objects", ErrCorrupt, len(body), x.count)
	}
	x.names = body[:x.count*nameLen]
	x.offsets = body[x.count*(nameLen+4) : x.count*each]
	x.large = body[x.count*each:]
	return x, nil
}

// cut takes the fan-out, the count and the checksums off, and gives what is between.
func (x *index) cut(data []byte) ([]byte, error) {
	const trailer = 2 * 20 // checksum of the pack, checksum of the index
	if len(data) < fanoutLen+trailer {
		return nil, fmt.Errorf("%w: the index is cut short", ErrCorrupt)
	}
	x.fanout = data[:fanoutLen]
	x.count = int(binary.BigEndian.Uint32(data[fanoutLen-4:]))
	x.packSum = data[len(data)-trailer:][:20]
	return data[fanoutLen : len(data)-trailer], nil
}

func (x *index) checkFanout() error {
	last := uint32(0)
	for i := range 256 {
		n := binary.BigEndian.Uint32(x.fanout[4*i:])
		if n < last {
			return fmt.Errorf("%w: the index's fan-out descends", ErrCorrupt)
		}
		last = n
	}
	return nil
}

// name is the name of the object at a position below count.
func (x *index) name(pos uint32) []byte {
	return x.names[int(pos)*x.nameStride:][:nameLen]
}

// offset is where in the pack the object at a position below count begins, by the index's word. It is below zero where
// the index contradicts itself.
func (x *index) offset(pos uint32) int64 {
	o := binary.BigEndian.Uint32(x.offsets[int(pos)*x.offsetStride:])
	if o>>31 == 0 || x.version == 1 {
		return int64(o)
	}
	at := int(o&^(1<<31)) * 8
	if at+8 > len(x.large) {
		return -1
	}
	return int64(binary.BigEndian.Uint64(x.large[at:]))
}

// maxGuesses bounds the interpolation in find. Names are hashes, so that it takes two or three; names that somebody chose
// to be uneven are left to bisection.
const maxGuesses = 5

// find gives the position of an object.
func (x *index) find(oid *storage.OID) (uint32, bool) {
	lo, hi := uint32(0), binary.BigEndian.Uint32(x.fanout[4*int(oid[0]):])
	if oid[0] > 0 {
		lo = binary.BigEndian.Uint32(x.fanout[4*int(oid[0])-4:])
	}
	key := binary.BigEndian.Uint64(oid[1:])
	loKey, hiKey := uint64(0), ^uint64(0)
	for guesses := 0; lo < hi; guesses++ {
		mid := lo + (hi-lo)/2
		if guesses < maxGuesses && loKey < hiKey {
			high, low := bits.Mul64(key-loKey, uint64(hi-lo))
			guess, _ := bits.Div64(high, low, hiKey-loKey) // at most hi-lo, since loKey <= key <= hiKey
			mid = lo + min(uint32(guess), hi-lo-1)
		}
		name := x.name(mid)
		k := binary.BigEndian.Uint64(name[1:])
		switch {
		case k < key:
			lo, loKey = mid+1, k
		case k > key:
			hi, hiKey = mid, k
		default:
			switch bytes.Compare(name, oid[:]) {
			case 0:
				return mid, true
			case -1:
				lo = mid + 1
			default:
				hi = mid
			}
		}
	}
	return 0, false
}
