package packfile

import (
	"encoding/binary"
	"fmt"
	"slices"

	"keytrail/storage"
)

// kind is what an entry makes, in the end of its chain of deltas.
type kind byte

const (
	kindUnread kind = iota
	kindCommit
	kindOther
)

// planned is a commit that the visit decodes.
type planned struct {
	key      uint64
	oid      storage.OID
	entry    entry
	out      int // where the inflated bytes of the entry begin
	content  []byte
	isWanted bool
}

// chunk decodes the commits of a chunk: all at once into one block of memory, then the deltas.
func (d *decoder) chunk(b *Batch) error {
	v := &b.visit
	p := v.field.pack
	var err error
	if d.keys, err = v.field.layout.objects(p, v.chunk, d.keys); err != nil {
		return err
	}
	from := int64(v.chunk) << chunkBits
	p.maps[0].willNeed(int(from), int(from)+1<<chunkBits)
	size, err := d.choose(b)
	if err != nil {
		return err
	}
	v.tried = len(d.plan)
	block := b.arena.alloc(size)
	d.inflate(p, block)
	hasWanted := false
	for i := range d.plan {
		c := &d.plan[i]
		err := d.finish(b, i, block, !hasWanted)
		if err != nil && (c.isWanted || !isOwn(err)) {
			return err
		}
		hasWanted = hasWanted || c.isWanted && c.content != nil
	}
	return nil
}

// choose plans which commits are decoded: those that are wanted, as many of the others as the visit allows, and no more
// than fit in the batch, except that there is room for one that is wanted in any case. It gives the sum of their sizes.
func (d *decoder) choose(b *Batch) (size int, err error) {
	v, fl := &b.visit, b.visit.field
	d.forget()
	d.pack = ref(fl.number)
	d.kinds, d.places = grow(d.kinds, len(d.keys)), grow(d.places, len(d.keys))
	allowance := v.allowance
	isRun, hasWanted := v.wanted == 0 || allowance >= len(d.keys), false
	for i := range d.keys {
		if v.backward {
			i = len(d.keys) - 1 - i
		}
		pos := uint32(d.keys[i])
		if fl.found.has(pos) {
			continue
		}
		isWanted := fl.marked.has(pos)
		isRun = isRun || isWanted
		if !isWanted && (!isRun || allowance == 0) {
			continue
		}
		c, err := d.look(v, i)
		switch {
		case err != nil && isWanted:
			return 0, wrap(storage.OID(fl.pack.index.name(pos)), err)
		case err != nil || d.kinds[i] != kindCommit:
			continue
		case size+int(c.size) > d.walk.share && len(d.plan) > 0 && (!isWanted || hasWanted):
			continue
		}
		hasWanted = hasWanted || isWanted
		v.commits++
		if !isWanted {
			allowance--
		}
		d.plan = append(d.plan, planned{key: d.keys[i], entry: c, out: size, isWanted: isWanted})
		d.places[i] = uint16(len(d.plan))
		size += int(c.size)
	}
	d.name(fl.pack.index)
	return size, nil
}

// name gives the planned ones their names. They lie anywhere in the index: without anything else to do, the processor fetches many
// at once.
func (d *decoder) name(x *index) {
	for i := range d.plan {
		d.plan[i].oid = storage.OID(x.name(uint32(d.plan[i].key)))
	}
	for i := range d.plan {
		d.near[nearHash(&d.plan[i].oid)] = uint16(i + 1)
	}
}

// nearBits is as many as make a table of twice the commits that a chunk has as a rule.
const nearBits = 11

func nearHash(oid *storage.OID) uint16 {
	return binary.BigEndian.Uint16(oid[nameLen-2:]) % (1 << nearBits)
}

// forget empties the plan.
func (d *decoder) forget() {
	d.plan = d.plan[:0]
	clear(d.near[:])
}

// guess finds a parent among the commits of the chunk, where most parents are. It may miss some.
func (d *decoder) guess(oid *storage.OID) ref {
	i := int(d.near[nearHash(oid)])
	if i == 0 || i > len(d.plan) || d.plan[i-1].oid != *oid {
		return unseen
	}
	return d.pack<<32 | ref(uint32(d.plan[i-1].key))
}

// look reads the entry of the i-th object of the chunk, and finds out whether it is a commit.
func (d *decoder) look(v *visit, i int) (entry, error) {
	p := v.field.pack
	e, err := p.entry(int64(v.chunk)<<chunkBits + int64(d.keys[i]>>32))
	if err != nil {
		return e, err
	}
	k := kindOther
	switch {
	case e.kind == byte(Commit):
		k = kindCommit
	case e.isDelta() && v.field.marked.has(uint32(d.keys[i])):
		k = kindCommit // if it is none, then its base will tell
	case e.isDelta():
		if k, err = d.kindOf(v, e); err != nil {
			return e, err
		}
	}
	d.kinds[i] = k
	if k != kindCommit && v.field.marked.has(uint32(d.keys[i])) {
		return e, fmt.Errorf("%w: an object of another type where a commit is expected", ErrOdd)
	}
	if k == kindCommit && e.size > d.walk.store.maxObject {
		return e, fmt.Errorf("%w: it has %d bytes", ErrTooLarge, e.size)
	}
	return e, nil
}

// kindOf finds out what a delta makes: from its base in the chunk, when that has been looked at, or along the chain.
func (d *decoder) kindOf(v *visit, e entry) (kind, error) {
	p, at := v.field.pack, int64(0)
	for range maxChain {
		if e.kind == offsetDelta {
			at = e.base
		} else {
			var found bool
			name := p.baseName(&e)
			if p, at, found = d.walk.set.baseOf(p, &name); !found {
				return kindOther, nil // it is read if somebody wants it
			}
		}
		if i, ok := d.inChunk(v, p, at); ok && d.kinds[i] != kindUnread {
			return d.kinds[i], nil
		}
		next, err := p.entry(at)
		if err != nil {
			return kindOther, err
		}
		if !next.isDelta() {
			if next.kind == byte(Commit) {
				return kindCommit, nil
			}
			return kindOther, nil
		}
		e = next
	}
	return kindOther, fmt.Errorf("%w: more than %d deltas lie on each other", ErrOdd, maxChain)
}

// inChunk finds the object of the chunk that begins at an offset.
func (d *decoder) inChunk(v *visit, p *pack, at int64) (int, bool) {
	if p != v.field.pack || chunkOf(at) != v.chunk {
		return 0, false
	}
	inside := uint64(at - int64(v.chunk)<<chunkBits)
	i, _ := slices.BinarySearch(d.keys, inside<<32)
	return i, i < len(d.keys) && d.keys[i]>>32 == inside
}

// inflate inflates all that is planned.
func (d *decoder) inflate(p *pack, block []byte) {
	d.streams = d.streams[:0]
	for i := range d.plan {
		c := &d.plan[i]
		d.streams = append(d.streams, stream{in: uint64(c.entry.data), out: uint64(c.out), len: uint64(c.entry.size)})
	}
	d.reader.inflate.inflate(p.data[:p.end], block, d.streams)
}

// finish makes the i-th planned commit of what was inflated and adds it to the batch. Without an error and without
// content there was no room for it, and it has to wait for another visit.
func (d *decoder) finish(b *Batch, i int, block []byte, isFirst bool) error {
	v, c := &b.visit, &d.plan[i]
	at := int64(v.chunk)<<chunkBits + int64(c.key>>32)
	if d.streams[i].bad != 0 {
		return wrap(c.oid, v.field.pack.corrupt(at, "does not inflate to its size"))
	}
	end := c.out + int(c.entry.size)
	content := block[c.out:end:end]
	if c.entry.isDelta() {
		var err error
		if content, err = d.undelta(b, c, content, isFirst); content == nil {
			return wrap(c.oid, err)
		}
	}
	c.content = content
	self := ref(v.field.number)<<32 | ref(uint32(c.key))
	return d.add(b, decoded{oid: c.oid, content: content, self: self, at: at})
}

// undelta makes the commit of a delta. It gives nothing when there is no room in the batch, which there is for the first that
// is wanted.
func (d *decoder) undelta(b *Batch, c *planned, delta []byte, isFirst bool) ([]byte, error) {
	v := &b.visit
	from, to, rest, err := deltaSizes(delta)
	at := int64(v.chunk)<<chunkBits + int64(c.key>>32)
	if err != nil {
		return nil, v.field.pack.corrupt(at, err.Error())
	}
	if to > d.walk.store.maxObject {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrTooLarge, to)
	}
	if b.arena.all+int(to) > d.walk.share && len(b.decoded) > 0 && (!c.isWanted || !isFirst) {
		return nil, nil
	}
	base, err := d.base(v, c)
	if err != nil {
		return nil, err
	}
	content := b.arena.alloc(int(to))
	if from != int64(len(base)) || applyDelta(content, base, rest) != nil {
		return nil, v.field.pack.corrupt(at, errDelta.Error())
	}
	return content, nil
}

// base gives the content of a delta's base: from among the planned ones that are finished, which it is next to as a rule, or
// from the pack.
func (d *decoder) base(v *visit, c *planned) ([]byte, error) {
	p, at := v.field.pack, c.entry.base
	if c.entry.kind == nameDelta {
		var found bool
		name := p.baseName(&c.entry)
		if p, at, found = d.walk.set.baseOf(p, &name); !found {
			t, content, err := d.reader.readLoose(d.walk.set, &name, d.bases.spare)
			if err = checkBase(t, err); err == nil {
				d.bases.spare = content
			}
			return content, err
		}
	}
	if i, ok := d.inChunk(v, p, at); ok && d.places[i] > 0 {
		if content := d.plan[d.places[i]-1].content; content != nil {
			return content, nil
		}
	}
	if content := d.bases.get(p, at); content != nil {
		return content, nil
	}
	t, content, err := d.reader.readAt(d.walk.set, p, at, d.bases.spare)
	if err = checkBase(t, err); err != nil {
		return nil, err
	}
	d.bases.put(p, at, content)
	return content, nil
}

// checkBase judges what was read as the base of a commit's delta.
func checkBase(t Type, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("the base of a delta: %w", err)
	case t != Commit:
		return fmt.Errorf("%w: a %s where a commit is expected", ErrOdd, t)
	}
	return nil
}
