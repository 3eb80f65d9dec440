package pebblestore

import (
	"encoding/binary"

	"keytrail/storage"
)

// slots is the table of a hash set whose elements are numbered and lie elsewhere. It is at most half full.
type slots struct {
	numbers []uint32 // the element's number plus one; 0: free
	mask    uint64
}

// room makes a slot for element n, whose hash and those of the elements before it hash tells.
func (s *slots) room(n int, hash func(i int) uint64) {
	if 2*(n+1) <= len(s.numbers) {
		return
	}
	size := max(1024, 2*len(s.numbers))
	s.numbers, s.mask = make([]uint32, size), uint64(size-1)
	for i := range n {
		at := hash(i) & s.mask
		for s.numbers[at] != 0 {
			at = (at + 1) & s.mask
		}
		s.numbers[at] = uint32(i) + 1
	}
}

// oidSet numbers object ids in the order in which it meets them.
type oidSet struct {
	slots
	oids column[storage.OID]
}

// hashOID needs no more than some bytes: they are a hash already.
func hashOID(oid *storage.OID) uint64 { return binary.LittleEndian.Uint64(oid[8:]) }

// number gives an object id its number.
func (s *oidSet) number(oid *storage.OID) (n int, isNew bool) {
	s.room(s.oids.n, func(i int) uint64 { return hashOID(s.oids.at(i)) })
	at := hashOID(oid) & s.mask
	for ; s.numbers[at] != 0; at = (at + 1) & s.mask {
		if n := int(s.numbers[at] - 1); *s.oids.at(n) == *oid {
			return n, false
		}
	}
	s.numbers[at] = uint32(s.oids.n) + 1
	s.oids.add(*oid)
	return s.oids.n - 1, true
}

// find gives the number of an object id, or -1 when it has none.
func (s *oidSet) find(oid *storage.OID) int {
	if s.oids.n == 0 {
		return -1
	}
	for at := hashOID(oid) & s.mask; s.numbers[at] != 0; at = (at + 1) & s.mask {
		if n := int(s.numbers[at] - 1); *s.oids.at(n) == *oid {
			return n
		}
	}
	return -1
}
