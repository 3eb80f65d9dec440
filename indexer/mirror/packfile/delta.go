package packfile

import (
	"encoding/binary"
	"errors"
)

var errDelta = errors.New("has a delta that does not fit its base")

// deltaSizes reads the sizes at the head of a delta: of the base that it is for, and of what it makes. It gives the
// instructions that follow.
func deltaSizes(delta []byte) (base, result int64, rest []byte, err error) {
	b, n := binary.Uvarint(delta)
	if n <= 0 || b > 1<<62 {
		return 0, 0, nil, errDelta
	}
	r, m := binary.Uvarint(delta[n:])
	if m <= 0 || r > 1<<62 {
		return 0, 0, nil, errDelta
	}
	return int64(b), int64(r), delta[n+m:], nil
}

// applyDelta follows the instructions of a delta (gitformat-pack(5), deltified representation) and fills dst, which has the size
// that the delta's head tells and no part in common with base.
func applyDelta(dst, base, rest []byte) error {
	for len(rest) > 0 {
		op := rest[0]
		rest = rest[1:]
		if op == 0 { // reserved
			return errDelta
		}
		if op < 0x80 {
			n := int(op)
			if n > len(rest) || n > len(dst) {
				return errDelta
			}
			copy(dst, rest[:n])
			dst, rest = dst[n:], rest[n:]
			continue
		}
		var from, n int
		for i := range 7 {
			if op>>i&1 == 0 {
				continue
			}
			if len(rest) == 0 {
				return errDelta
			}
			if i < 4 {
				from |= int(rest[0]) << (8 * i)
			} else {
				n |= int(rest[0]) << (8 * (i - 4))
			}
			rest = rest[1:]
		}
		if n == 0 {
			n = 0x10000
		}
		if n > len(dst) || from > len(base) || n > len(base)-from {
			return errDelta
		}
		copy(dst, base[from:from+n])
		dst = dst[n:]
	}
	if len(dst) != 0 {
		return errDelta
	}
	return nil
}
