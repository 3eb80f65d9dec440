package packfile

import (
	"fmt"

	"keytrail/storage"
)

// Type is the type of an object, by its number in packs.
type Type byte

// The types that git has.
const (
	Commit Type = 1
	Tree   Type = 2
	Blob   Type = 3
	Tag    Type = 4
)

// The numbers of entries that are stored as the difference to another object, their base.
const (
	offsetDelta = 6 // the base is at a distance before this entry
	nameDelta   = 7 // the base is called by its name
)

// String gives the word that git uses.
func (t Type) String() string {
	switch t {
	case Commit:
		return "commit"
	case Tree:
		return "tree"
	case Blob:
		return "blob"
	case Tag:
		return "tag"
	}
	return fmt.Sprintf("type %d", byte(t))
}

// entry is what precedes the compressed bytes of an object in a pack.
type entry struct {
	kind byte // a Type, offsetDelta or nameDelta
	size int64
	base int64 // offset of the base of an offsetDelta, or of the name of the base of a nameDelta
	data int64 // offset of the compressed bytes
}

// entry reads the entry at an offset (gitformat-pack(5), pack entries).
func (p *pack) entry(at int64) (entry, error) {
	if at < packHead || at >= p.end {
		return entry{}, p.corrupt(at, "lies outside of the pack")
	}
	b := p.data[at:p.end]
	e := entry{kind: b[0] >> 4 & 7, size: int64(b[0] & 15)}
	n := 1
	for shift := 4; b[n-1] >= 0x80; n++ {
		if n == len(b) || shift > 56 {
			return entry{}, p.corrupt(at, "has an endless size")
		}
		e.size |= int64(b[n]&0x7f) << shift
		shift += 7
	}
	switch e.kind {
	case byte(Commit), byte(Tree), byte(Blob), byte(Tag):
	case offsetDelta:
		distance, m := baseDistance(b[n:])
		if m == 0 || distance > at-packHead {
			return entry{}, p.corrupt(at, "has a base outside of the pack")
		}
		e.base = at - distance
		n += m
	case nameDelta:
		if len(b)-n < nameLen {
			return entry{}, p.corrupt(at, "is cut short")
		}
		e.base = at + int64(n)
		n += nameLen
	default:
		return entry{}, p.corrupt(at, "is of no known type")
	}
	e.data = at + int64(n)
	return e, nil
}

// baseName is the name of the base of a nameDelta.
func (p *pack) baseName(e *entry) storage.OID { return storage.OID(p.data[e.base:][:nameLen]) }

// isDelta reports whether the entry is the difference to another.
func (e *entry) isDelta() bool { return e.kind >= offsetDelta }

// baseDistance reads how far before an entry its base lies, in a base of 128 where each further digit adds one, so that no
// number is written in two ways. It gives the count of bytes read, none if they make no such distance.
func baseDistance(b []byte) (distance int64, n int) {
	for n < len(b) && n < 8 {
		c := b[n]
		distance = distance<<7 | int64(c&0x7f)
		n++
		if c < 0x80 {
			if distance == 0 {
				return 0, 0
			}
			return distance, n
		}
		distance++
	}
	return 0, 0
}
