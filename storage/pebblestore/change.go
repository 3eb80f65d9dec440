package pebblestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// change works one Advance out, in memory: first what becomes of each commit (apply), then what must be written for it
// (emit). Until then nothing is written but texts aside.
//
// The commits that it brings have ordinals from base on, in the order of their arrival. Those that the repository holds are read
// when they are met, a block at a time.
type change struct {
	ctx     context.Context
	store   *Store
	advance *storage.Advance
	rec     record
	in      *incoming

	done storage.Advanced

	base    ordinal
	refs    []int32 // of the commits that come, as they will be; 0: nothing holds it
	last    int     // of the commits that come and stay, the last; -1 when none does
	held    map[uint32]*heldBlock
	heldOf  map[int]ordinal // of object ids by their number in the incoming: held commits
	falling []ordinal       // commits whose count has come to zero
	missing []gap

	tips         []tipWrite
	notes        map[storage.OID]map[string]*storage.Note // changed notes by object and ref; nil: deleted
	notesChanged bool

	decided  map[storage.OID][]verdict // about all commits; nil: it is read one by one
	adjusted map[int][]uint32          // of commits that come whose keys are not those of their message: the keys, by number
	added    []addedKeys               // for the feed
	feed     feedWriter
}

// heldBlock is a block of members as the change finds and leaves it.
type heldBlock struct {
	rows    []member
	before  []bool // which rows were held
	isDirty bool
}

// gap is a parent that is neither held nor brought. It matters if the child stays.
type gap struct {
	child  int
	parent storage.OID
}

// tipWrite is a tip to write, or to delete when its object id is zero.
type tipWrite struct {
	ref    string
	before *tipRow
	now    tipRow
}

// beginChange needs the writer's turn.
func (s *Store) beginChange(ctx context.Context, a *storage.Advance, in *incoming, version uint64) (*change, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rec, err := readRecord(s.db, a.Repository)
	if err != nil {
		return nil, err
	}
	if err := rec.hasOrdinals(); err != nil {
		return nil, err
	}
	c := s.newChange(ctx, a, rec, in)
	switch {
	case !in.isMany():
		if a.Reset { // what is taken away and what comes instead share no block
			c.base = firstOf(rec.freshBlock())
		}
		err = in.settle(rec.isHeld(s.db, a.Reset))
	case rec.Version != version:
		err = fmt.Errorf("%w: the repository was advanced while its commits were read", storage.ErrStale)
	default:
		c.base = firstOf(in.texts.first)
	}
	if err != nil {
		return nil, err
	}
	c.refs = make([]int32, in.count())
	return c, c.readDecided()
}

func (s *Store) newChange(ctx context.Context, a *storage.Advance, rec record, in *incoming) *change {
	return &change{
		ctx: ctx, store: s, advance: a, rec: rec, in: in, base: rec.Next, last: -1,
		held: map[uint32]*heldBlock{}, heldOf: map[int]ordinal{},
	}
}

// apply decides what becomes of every commit and tip.
func (c *change) apply() error {
	if err := c.countParents(); err != nil {
		return err
	}
	if err := c.moveTips(); err != nil {
		return err
	}
	if err := c.release(); err != nil {
		return err
	}
	if err := c.checkGaps(); err != nil {
		return err
	}
	return c.changeNotes()
}

// countParents counts the edges from the commits that come.
func (c *change) countParents() error {
	var parents []uint32
	for i := range c.refs {
		if i%checkEvery == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		parents = c.in.parentsOf(i, parents[:0])
		for _, p := range parents {
			if j := c.in.commitOf.get(int(p)); j >= 0 {
				c.refs[j]++
				continue
			}
			o, isHeld, err := c.heldParent(int(p))
			if err != nil {
				return err
			}
			if !isHeld {
				c.missing = append(c.missing, gap{i, c.in.known.oids.get(int(p))})
				continue
			}
			if err := c.ref(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// heldParent finds a commit that the repository holds by its number among the object ids.
func (c *change) heldParent(n int) (ordinal, bool, error) {
	if o, ok := c.heldOf[n]; ok {
		return o, true, nil
	}
	o, isHeld, err := c.findHeld(c.in.known.oids.at(n))
	if isHeld {
		c.heldOf[n] = o
	}
	return o, isHeld, err
}

// findHeld finds a commit that the repository holds before the change. A reset takes it as holding none.
func (c *change) findHeld(oid *storage.OID) (ordinal, bool, error) {
	if c.advance.Reset || c.rec.Commits == 0 {
		return 0, false, nil
	}
	return find(c.store.db, c.rec.ID, c.rec.OIDBits, oid)
}

// holds finds a commit that the repository will hold unless nothing refers to it.
func (c *change) holds(oid *storage.OID) (ordinal, bool, error) {
	if i := c.in.find(oid); i >= 0 {
		return c.base + ordinal(i), true, nil
	}
	return c.findHeld(oid)
}

// member gives the block of a held commit, and its row in it.
func (c *change) member(o ordinal) (*heldBlock, *member, error) {
	b, err := c.block(o.block())
	if err != nil {
		return nil, nil, err
	}
	if o.slot() >= len(b.rows) {
		return nil, nil, fmt.Errorf("%w: commit %d of repository %d is not there", storage.ErrCorrupt, o, c.rec.ID)
	}
	return b, &b.rows[o.slot()], nil
}

// block reads a block when it is met first.
func (c *change) block(n uint32) (*heldBlock, error) {
	if b := c.held[n]; b != nil {
		return b, nil
	}
	v, err := get(c.store.db, keyNumbered(spaceMembers, c.rec.ID, n))
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return nil, fmt.Errorf("read a block of members: %w", err)
	}
	b := &heldBlock{}
	if err == nil {
		if b.rows, err = decodeMembers(firstOf(n), v); err != nil {
			return nil, err
		}
	}
	b.before = make([]bool, len(b.rows))
	for i := range b.rows {
		b.before[i] = b.rows[i].refs != 0
	}
	c.held[n] = b
	return b, nil
}

// ref counts one more reference to a commit, unref one less.
func (c *change) ref(o ordinal) error { return c.count(o, +1) }

func (c *change) unref(o ordinal) error { return c.count(o, -1) }

func (c *change) count(o ordinal, by int) error {
	if o >= c.base {
		i := int(o - c.base)
		if i >= len(c.refs) {
			return notHeld(c.rec.ID, o)
		}
		if c.refs[i] += int32(by); c.refs[i] == 0 {
			c.falling = append(c.falling, o)
		}
		return nil
	}
	b, m, err := c.member(o)
	if err != nil {
		return err
	}
	b.isDirty = true
	if m.refs += int64(by); m.refs == 0 {
		c.falling = append(c.falling, o)
	}
	return nil
}

// release drops every commit that nothing refers to any more, and so on along its parents.
func (c *change) release() error {
	isGone := map[ordinal]bool{}
	for i := range c.refs {
		if c.refs[i] == 0 {
			c.falling = append(c.falling, c.base+ordinal(i))
		}
	}
	for len(c.falling) > 0 {
		o := c.falling[len(c.falling)-1]
		c.falling = c.falling[:len(c.falling)-1]
		// It may have fallen, been counted again, and fallen once more.
		if isGone[o] {
			continue
		}
		parents, hasFallen, err := c.fallen(o)
		if err != nil {
			return err
		}
		if !hasFallen {
			continue
		}
		isGone[o] = true
		for _, p := range parents {
			if err := c.unref(p); err != nil {
				return err
			}
		}
	}
	for i := range c.refs {
		if c.refs[i] > 0 {
			c.last = i
		}
	}
	return nil
}

// fallen tells whether nothing refers to a commit, and which parents it releases then.
func (c *change) fallen(o ordinal) (parents []ordinal, hasFallen bool, err error) {
	if o < c.base {
		_, m, err := c.member(o)
		if err != nil {
			return nil, false, err
		}
		return m.parents, m.refs == 0, nil
	}
	i := int(o - c.base)
	if c.refs[i] != 0 {
		return nil, false, nil
	}
	return c.parentOrdinals(i, nil), true, nil
}

// parentOrdinals appends the parents of a commit that comes, as far as they are known.
func (c *change) parentOrdinals(i int, to []ordinal) []ordinal {
	from := 0
	if i > 0 {
		from = int(c.in.parentEnd.get(i - 1))
	}
	for j := from; j < int(c.in.parentEnd.get(i)); j++ {
		p := int(c.in.parents.get(j))
		if commit := c.in.commitOf.get(p); commit >= 0 {
			to = append(to, c.base+ordinal(commit))
			continue
		}
		if o, ok := c.heldOf[p]; ok {
			to = append(to, o)
		}
	}
	return to
}

// checkGaps fails when a commit stays whose history was not read.
func (c *change) checkGaps() error {
	for _, g := range c.missing {
		if c.refs[g.child] > 0 {
			return fmt.Errorf("%w: commit %s has a parent %s that was not read", storage.ErrIncomplete, c.in.oid(g.child), g.parent)
		}
	}
	return nil
}
