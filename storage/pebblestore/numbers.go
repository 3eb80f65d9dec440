package pebblestore

import (
	"encoding/binary"
	"hash/maphash"
	"strings"

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

// keySet numbers issue keys in the order in which it meets them.
type keySet struct {
	slots
	seed  maphash.Seed
	keys  column[storage.IssueKey]
	texts strings.Builder // where the next keys' bytes go, so that a key does not hold on to its message
}

const keyTexts = 16 << 10 // bytes allocated at once

func (s *keySet) hash(key storage.IssueKey) uint64 { return maphash.String(s.seed, string(key)) }

// number gives an issue key its number.
func (s *keySet) number(key storage.IssueKey) uint32 {
	if s.keys.n == 0 {
		s.seed = maphash.MakeSeed()
	}
	s.room(s.keys.n, func(i int) uint64 { return s.hash(s.keys.get(i)) })
	at := s.hash(key) & s.mask
	for ; s.numbers[at] != 0; at = (at + 1) & s.mask {
		if n := s.numbers[at] - 1; s.keys.get(int(n)) == key {
			return n
		}
	}
	s.numbers[at] = uint32(s.keys.n) + 1
	s.keys.add(s.own(key))
	return uint32(s.keys.n) - 1
}

// own copies a key out of the text that it was found in.
func (s *keySet) own(key storage.IssueKey) storage.IssueKey {
	if len(key) > s.texts.Cap()-s.texts.Len() {
		s.texts.Reset()
		s.texts.Grow(max(keyTexts, len(key)))
	}
	begin := s.texts.Len()
	s.texts.WriteString(string(key))
	return storage.IssueKey(s.texts.String()[begin:])
}
