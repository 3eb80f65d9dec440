package pebblestore

import (
	"encoding/binary"

	"keytrail/storage"
)

// member is one commit of a repository: what its graph, its postings and the search for it need.
type member struct {
	refs    int64 // children in the repository plus tips that point here; 0: the repository does not hold it
	oid     storage.OID
	seconds int64 // committer date
	shallow bool
	parents []ordinal     // empty when shallow
	cut     []storage.OID // the parents of a shallow commit
	keys    []storage.IssueKey
}

// appendMembers writes the members of a block in columns: how many ordinals; for each its reference count and whether it is
// shallow, in one number that is 0 for an ordinal that is not held. Then of those held: the object ids; the times, each
// as the difference to the one before; the numbers of parents; the parents, as distances below the commit's own ordinal or as
// object ids when shallow; and the keys.
func appendMembers(b []byte, first ordinal, rows []member) []byte {
	b = binary.AppendUvarint(b, uint64(len(rows)))
	for i := range rows {
		head := uint64(rows[i].refs) << 1
		if rows[i].shallow && head != 0 {
			head |= 1
		}
		b = binary.AppendUvarint(b, head)
	}
	for i := range rows {
		if rows[i].refs != 0 {
			b = append(b, rows[i].oid[:]...)
		}
	}
	last := int64(0)
	for i := range rows {
		if rows[i].refs != 0 {
			b = appendInt(b, rows[i].seconds-last)
			last = rows[i].seconds
		}
	}
	for i := range rows {
		if rows[i].refs != 0 {
			b = binary.AppendUvarint(b, uint64(len(rows[i].parents)+len(rows[i].cut)))
		}
	}
	for i := range rows {
		if rows[i].refs == 0 {
			continue
		}
		for _, p := range rows[i].parents {
			b = appendInt(b, int64(first)+int64(i)-int64(p))
		}
		for _, p := range rows[i].cut {
			b = append(b, p[:]...)
		}
	}
	for i := range rows {
		if rows[i].refs != 0 {
			b = appendKeys(b, rows[i].keys)
		}
	}
	return b
}

// decodeMembers reads a block. Rows that are not held are zero.
func decodeMembers(first ordinal, v []byte) ([]member, error) {
	d := decoder{b: v}
	rows := make([]member, d.heads(nil))
	d = decoder{b: v}
	d.heads(rows)
	for i := range rows {
		if rows[i].refs != 0 {
			rows[i].oid = d.oid()
		}
	}
	last := int64(0)
	for i := range rows {
		if rows[i].refs != 0 {
			last += d.int()
			rows[i].seconds = last
		}
	}
	d.parents(first, rows)
	for i := range rows {
		if rows[i].refs != 0 {
			rows[i].keys = d.keys()
		}
	}
	return rows, d.done("block of members")
}

// heads reads the first column into rows, and tells how many there are.
func (d *decoder) heads(rows []member) int {
	n := d.count()
	if n > blockSize {
		d.bad = true
		return 0
	}
	for i := range rows {
		head := d.uint()
		rows[i].refs, rows[i].shallow = int64(head>>1), head&1 != 0
	}
	return n
}

// parents reads the columns of the parents.
func (d *decoder) parents(first ordinal, rows []member) {
	var counts [blockSize]int
	for i := range rows {
		if rows[i].refs != 0 {
			counts[i] = d.count()
		}
	}
	for i := range rows {
		switch n := counts[i]; {
		case n == 0:
		case rows[i].shallow:
			rows[i].cut = make([]storage.OID, min(n, len(d.b)))
			for j := range rows[i].cut {
				rows[i].cut[j] = d.oid()
			}
		default:
			rows[i].parents = make([]ordinal, min(n, len(d.b)))
			for j := range rows[i].parents {
				rows[i].parents[j] = ordinal(int64(first) + int64(i) - d.int())
			}
		}
	}
}

// edge is what the commit graph needs of a member that is held.
type edge struct {
	entry
	oid     storage.OID
	parents []ordinal
}

// edges reads only the edges of a block: fn gets each, with a slice of parents that holds until it returns.
func edges(first ordinal, v []byte, scratch []ordinal, fn func(edge)) ([]ordinal, error) {
	d := decoder{b: v}
	var heads [blockSize]uint64
	var counts [blockSize]int
	n, held := d.heads(nil), 0
	for i := range n {
		if heads[i] = d.uint(); heads[i] != 0 {
			held++
		}
	}
	oids, times := decoder{b: d.take(uint64(held * len(storage.OID{})))}, d
	d.skip(held)
	for i := range n {
		if heads[i] != 0 {
			counts[i] = d.count()
		}
	}
	e := edge{}
	for i := range n {
		if heads[i] == 0 {
			continue
		}
		scratch = scratch[:0]
		for range counts[i] {
			if heads[i]&1 != 0 {
				d.oid()
			} else {
				scratch = append(scratch, ordinal(int64(first)+int64(i)-d.int()))
			}
		}
		e.ordinal, e.oid, e.parents = first+ordinal(i), oids.oid(), scratch
		e.seconds += times.int()
		fn(e)
	}
	if d.bad = d.bad || times.bad; d.bad {
		return scratch, d.done("block of members")
	}
	return scratch, nil
}
