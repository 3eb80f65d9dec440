package pebblestore

import (
	"fmt"

	"keytrail/storage"
)

// memberBlock reads single members of a block, without the memory that all of them take. It refers to the value that it was opened on.
type memberBlock struct {
	first  ordinal
	heads  [blockSize]uint64
	place  [blockSize]uint8 // among those held
	n      int
	held   int
	oids   []byte
	behind decoder // at the column of the times
}

// open reads the first columns of a block.
func (b *memberBlock) open(first ordinal, v []byte) error {
	d := decoder{b: v}
	b.first, b.n, b.held = first, d.heads(nil), 0
	for i := range b.n {
		b.heads[i] = d.uint()
		b.place[i] = uint8(b.held)
		if b.heads[i] != 0 {
			b.held++
		}
	}
	b.oids = d.take(uint64(b.held * len(storage.OID{})))
	b.behind = d
	if d.bad {
		b.n = 0
		return d.done("block of members")
	}
	return nil
}

// holds tells whether the repository holds the commit in a slot.
func (b *memberBlock) holds(slot int) bool { return slot < b.n && b.heads[slot] != 0 }

// oid gives the object id of a commit that is held.
func (b *memberBlock) oid(slot int) storage.OID {
	return storage.OID(b.oids[int(b.place[slot])*len(storage.OID{}):])
}

// member reads a commit that is held.
func (b *memberBlock) member(slot int) (member, error) {
	m := member{refs: int64(b.heads[slot] >> 1), shallow: b.heads[slot]&1 != 0, oid: b.oid(slot)}
	d := b.behind
	before := int(b.place[slot])
	for range before + 1 {
		m.seconds += d.int()
	}
	d.skip(b.held - before - 1)
	b.parents(&d, slot, &m)
	for range before {
		for range d.count() {
			d.take(d.uint())
		}
	}
	m.keys = d.keys()
	if d.bad {
		return member{}, d.done("block of members")
	}
	return m, nil
}

// parents reads those of one commit, and goes past those of all.
func (b *memberBlock) parents(d *decoder, slot int, m *member) {
	var counts [blockSize]int
	for i := range b.n {
		if b.heads[i] != 0 {
			counts[i] = d.count()
		}
	}
	for i := range b.n {
		isShallow := b.heads[i]&1 != 0
		for range counts[i] {
			switch {
			case !isShallow && i == slot:
				m.parents = append(m.parents, ordinal(int64(b.first)+int64(i)-d.int()))
			case !isShallow:
				d.uint()
			case i == slot:
				m.cut = append(m.cut, d.oid())
			default:
				d.take(uint64(len(storage.OID{})))
			}
			if d.bad {
				return
			}
		}
	}
}

// notHeld is the error of asking for a commit that should be held and is not.
func notHeld(id storage.RepositoryID, o ordinal) error {
	return fmt.Errorf("%w: commit %d of repository %d is not held", storage.ErrCorrupt, o, id)
}
