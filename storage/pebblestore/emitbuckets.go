package pebblestore

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// emitBuckets writes the buckets of a repository that holds nothing but the commits that come.
func (c *change) emitBuckets(out rowWriter) error {
	n := c.rec.OIDBits
	end := make([]uint32, 1<<n+1)
	for i := range c.refs {
		if c.stays(i) {
			end[bucketOf(c.in.oid(i), n)+1]++
		}
	}
	for b := 1; b < len(end); b++ {
		end[b] += end[b-1]
	}
	places := make([]place, end[len(end)-1])
	for i := range c.refs {
		if c.stays(i) {
			b := bucketOf(c.in.oid(i), n)
			places[end[b]] = placeOf(c.in.oid(i), c.base+ordinal(i))
			end[b]++ // from where the bucket begins to where it ends
		}
	}
	var value []byte
	from := uint32(0)
	for b := range uint32(1) << n {
		if to := end[b]; to > from {
			value = appendBucket(value[:0], places[from:to])
			if err := out.set(keyNumbered(spaceBucket, c.rec.ID, b), value); err != nil {
				return err
			}
			from = to
		}
	}
	return nil
}

// bucketChange is what becomes of one bucket.
type bucketChange struct {
	add  []place
	drop []place
}

// emitChangedBuckets rewrites the buckets that commits come into or leave; all of them when they have become crowded.
func (c *change) emitChangedBuckets(out *sink) error {
	stored, err := readRecord(c.store.db, c.rec.ID)
	if err != nil {
		return err
	}
	switch {
	case c.isFirst():
		return c.emitBuckets(out)
	case c.advance.Reset || stored.OIDBits != c.rec.OIDBits:
		return c.emitNewBuckets(out, stored.OIDBits)
	}
	changes := map[uint32]*bucketChange{}
	of := func(b uint32) *bucketChange {
		if changes[b] == nil {
			changes[b] = &bucketChange{}
		}
		return changes[b]
	}
	for i := range c.refs {
		if c.stays(i) {
			oid := c.in.oid(i)
			b := of(bucketOf(oid, c.rec.OIDBits))
			b.add = append(b.add, placeOf(oid, c.base+ordinal(i)))
		}
	}
	for n, held := range c.held {
		for i := range held.before {
			if oid := &held.rows[i].oid; held.before[i] && held.rows[i].refs == 0 {
				b := of(bucketOf(oid, c.rec.OIDBits))
				b.drop = append(b.drop, placeOf(oid, firstOf(n)+ordinal(i)))
			}
		}
	}
	for n, b := range changes {
		if err := c.emitBucket(out, n, b); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) emitBucket(out *sink, n uint32, b *bucketChange) error {
	key := keyNumbered(spaceBucket, c.rec.ID, n)
	v, err := get(c.store.db, key)
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("read a bucket of object ids: %w", err)
	}
	places, err := decodeBucket(v)
	if err != nil {
		return err
	}
	places = slices.DeleteFunc(places, func(p place) bool { return slices.Contains(b.drop, p) })
	if places = append(places, b.add...); len(places) == 0 {
		out.delete(key)
		return nil
	}
	return out.set(key, appendBucket(nil, places))
}

// emitNewBuckets writes all buckets of a repository that has others before, and deletes those that nothing comes into. One by one: a
// deletion of their range would lie across the tables that they fill.
func (c *change) emitNewBuckets(out *sink, before uint) error {
	n := c.rec.OIDBits
	buckets := make([][]place, 1<<max(n, before))
	add := func(oid *storage.OID, o ordinal) {
		b := bucketOf(oid, n)
		buckets[b] = append(buckets[b], placeOf(oid, o))
	}
	if !c.advance.Reset {
		if err := c.eachHeld(add); err != nil {
			return err
		}
	}
	for i := range c.refs {
		if c.stays(i) {
			add(c.in.oid(i), c.base+ordinal(i))
		}
	}
	for b, places := range buckets {
		key := keyNumbered(spaceBucket, c.rec.ID, uint32(b))
		if len(places) > 0 {
			if err := out.set(key, appendBucket(nil, places)); err != nil {
				return err
			}
		} else if b < 1<<before {
			out.delete(key)
		}
	}
	return nil
}

// eachHeld calls fn for the commits that were held and stay.
func (c *change) eachHeld(fn func(*storage.OID, ordinal)) error {
	prefix := keyOfRepository(spaceMembers, c.rec.ID)
	return c.store.scan(c.ctx, prefix, func(k, v []byte) (bool, error) {
		number := readNumber(k)
		var rows []member
		var err error
		if held := c.held[number]; held != nil {
			rows = held.rows
		} else {
			rows, err = decodeMembers(firstOf(number), v)
		}
		for i := range rows {
			if rows[i].refs != 0 {
				fn(&rows[i].oid, firstOf(number)+ordinal(i))
			}
		}
		return err == nil, err
	})
}
