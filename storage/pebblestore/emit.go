package pebblestore

import (
	"errors"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"keytrail/storage"
)

// emit writes what apply decided. What is large goes into tables of its own, side by side; the rest into the sink.
func (c *change) emit(out *sink) error {
	if err := c.adjust(); err != nil {
		return err
	}
	if c.advance.Reset {
		if err := c.replace(out); err != nil {
			return err
		}
	} else {
		c.countCommits()
	}
	held, err := c.heldPostings()
	if err != nil {
		return err
	}
	c.emitTips(out)
	if err := c.emitNotes(out); err != nil {
		return err
	}
	c.rec.OIDBits = c.bits()
	if c.isFirst() && c.in.isMany() && c.last >= 0 {
		err = c.emitAside(out)
	} else {
		err = c.emitMerged(out, held)
	}
	switch {
	case c.last < 0:
	case c.in.isMany(): // texts were written of those too that do not stay
		c.rec.Next = c.base + ordinal(c.in.count())
	default:
		c.rec.Next = c.base + ordinal(c.last) + 1
	}
	if err == nil {
		c.tell()
	}
	return err
}

// isFirst tells of a change that finds no commit of the repository.
func (c *change) isFirst() bool { return c.rec.Commits == 0 && !c.advance.Reset }

// stays tells whether a commit that comes is held in the end.
func (c *change) stays(i int) bool { return c.refs[i] > 0 }

// countCommits counts what comes and what goes.
func (c *change) countCommits() {
	for i := range c.refs {
		if c.stays(i) {
			c.done.CommitsAdded++
		}
	}
	for _, b := range c.held {
		for i := range b.before {
			if b.before[i] && b.rows[i].refs == 0 {
				c.done.CommitsDropped++
			}
		}
	}
}

// emitAside writes the members, buckets and postings of a first build of many commits into tables, side by side.
func (c *change) emitAside(out *sink) error {
	var writing errgroup.Group
	for _, write := range []func(rowWriter) error{
		c.emitMembers,
		c.emitBuckets,
		func(w rowWriter) error { return c.emitPostings(c.writeRunsTo(w)) },
	} {
		w := &tableWriter{tables: &c.store.tables}
		out.aside = append(out.aside, w)
		writing.Go(func() error { return errors.Join(write(w), w.end()) })
	}
	writing.Go(func() error { return c.in.texts.finish() })
	out.texts = c.in.texts
	return writing.Wait()
}

// emitMerged writes what comes beside what the repository holds.
func (c *change) emitMerged(out *sink, held postingChanges) error {
	if c.in.isMany() && c.last >= 0 {
		if err := c.in.texts.finish(); err != nil {
			return err
		}
		out.texts = c.in.texts
	}
	if err := c.emitMembers(out); err != nil {
		return err
	}
	if err := c.emitHeld(out); err != nil {
		return err
	}
	if err := c.emitTexts(out); err != nil {
		return err
	}
	if err := c.emitChangedBuckets(out); err != nil {
		return err
	}
	write := c.writeRunsTo(out)
	if !c.isFirst() && !c.advance.Reset {
		write = func(key storage.IssueKey, entries []entry) error {
			p := held[key]
			if p == nil {
				p = &postingChange{}
			}
			delete(held, key)
			p.add = append(p.add, entries...)
			return p.apply(c.store.db, out, key, c.rec.ID)
		}
	}
	if err := c.emitPostings(write); err != nil {
		return err
	}
	for key, p := range held {
		if err := p.apply(c.store.db, out, key, c.rec.ID); err != nil {
			return err
		}
	}
	return nil
}

// emitMembers writes the blocks of members that commits come into. The first may begin with some that are held.
func (c *change) emitMembers(out rowWriter) error {
	if c.last < 0 {
		return nil
	}
	rows := make([]member, c.base.slot(), blockSize)
	number := c.base.block()
	if c.base.slot() > 0 {
		tail, err := c.block(number)
		if err != nil {
			return err
		}
		copy(rows, tail.rows)
		tail.isDirty = false
	}
	var value []byte
	for i := 0; i <= c.last; i++ {
		rows = rows[:len(rows)+1]
		c.fill(&rows[len(rows)-1], i)
		if len(rows) < blockSize && i < c.last {
			continue
		}
		value = appendMembers(value[:0], firstOf(number), rows)
		if err := out.set(keyNumbered(spaceMembers, c.rec.ID, number), value); err != nil {
			return err
		}
		rows, number = rows[:0], number+1
	}
	return nil
}

// fill makes the member of a commit that comes, in the memory of another.
func (c *change) fill(m *member, i int) {
	*m = member{parents: m.parents[:0], keys: m.keys[:0]}
	if !c.stays(i) {
		return
	}
	m.refs, m.oid, m.seconds = int64(c.refs[i]), *c.in.oid(i), c.in.seconds.get(i)
	m.cut, m.shallow = c.in.cut[i], c.in.isShallow(i)
	m.keys = c.in.keysOf(i, m.keys)
	m.parents = c.parentOrdinals(i, m.parents)
}

// emitHeld writes the blocks of members in which something has changed, and deletes those that hold nothing any more.
func (c *change) emitHeld(out *sink) error {
	for n, b := range c.held {
		if !b.isDirty {
			continue
		}
		key := keyNumbered(spaceMembers, c.rec.ID, n)
		if !slices.ContainsFunc(b.rows, func(m member) bool { return m.refs != 0 }) {
			out.delete(key)
			continue
		}
		if err := out.set(key, appendMembers(nil, firstOf(n), b.rows)); err != nil {
			return err
		}
	}
	return nil
}

// emitTexts writes the blocks of texts in which commits are dropped, or to which few are added.
func (c *change) emitTexts(out *sink) error {
	blocks := map[uint32]*heldBlock{}
	for n, b := range c.held {
		for i := range b.before {
			if b.before[i] && b.rows[i].refs == 0 {
				blocks[n] = b
				break
			}
		}
	}
	if !c.in.isMany() && c.last >= 0 {
		for n := c.base.block(); n <= (c.base + ordinal(c.last)).block(); n++ {
			blocks[n] = c.held[n]
		}
	}
	for n, held := range blocks {
		if err := c.emitTextBlock(out, n, held); err != nil {
			return err
		}
	}
	return nil
}

// emitTextBlock writes one block of texts: those of the held commits that stay, and those of few that come.
func (c *change) emitTextBlock(out *sink, n uint32, held *heldBlock) error {
	key := keyNumbered(spaceTexts, c.rec.ID, n)
	var t texts
	isEmpty := true
	if held != nil && len(held.rows) > 0 {
		v, err := get(c.store.db, key)
		if err != nil {
			return lost(err, c.rec.ID, firstOf(n))
		}
		rows, err := decodeTexts(v)
		if err != nil {
			return err
		}
		for i := range held.rows {
			switch {
			case held.rows[i].refs != 0 && i < len(rows):
				t.addText(&rows[i])
				isEmpty = false
				continue
			case i < len(rows) && rows[i].isLong:
				out.delete(keyNumbered(spaceLongText, c.rec.ID, uint32(firstOf(n))+uint32(i)))
			}
			t.skip()
		}
	}
	if !c.in.isMany() && c.last >= 0 {
		isEmpty = !c.addFew(out, &t, n) && isEmpty
	}
	if isEmpty {
		out.delete(key)
		return nil
	}
	return out.set(key, t.append(nil))
}

// addFew adds the texts of few commits that come into a block, and tells whether there are any.
func (c *change) addFew(out *sink, t *texts, n uint32) (some bool) {
	for o := max(firstOf(n), c.base); o.block() == n && o <= c.base+ordinal(c.last); o++ {
		i := int(o - c.base)
		if !c.stays(i) {
			continue
		}
		for len(t.rows) < o.slot() {
			t.skip()
		}
		commit := &c.in.few[c.in.fewOf[i]]
		t.add(commit)
		if len(commit.Message) > maxInline {
			out.put(keyNumbered(spaceLongText, c.rec.ID, uint32(o)), []byte(commit.Message))
		}
		some = true
	}
	return some
}

// heldPostings works out how the postings of held commits change: those that are dropped lose all, and notes give and take keys.
func (c *change) heldPostings() (postingChanges, error) {
	changes := postingChanges{}
	if c.advance.Reset {
		return changes, nil
	}
	for object := range c.notes {
		o, isHeld, err := c.findHeld(&object)
		if err != nil {
			return nil, err
		}
		if isHeld {
			if _, _, err := c.member(o); err != nil {
				return nil, err
			}
		}
	}
	for _, n := range slices.Sorted(maps.Keys(c.held)) {
		b := c.held[n]
		for i := range b.before {
			m := &b.rows[i]
			if !b.before[i] || m.refs != 0 && len(c.notes[m.oid]) == 0 {
				continue
			}
			if err := c.relink(changes, firstOf(n)+ordinal(i), m); err != nil {
				return nil, err
			}
		}
	}
	return changes, nil
}

// relink adds the difference between the keys that a held commit was linked to and those that it will be.
func (c *change) relink(changes postingChanges, o ordinal, m *member) error {
	stored, err := c.storedNotes(m.oid)
	if err != nil {
		return err
	}
	decided, err := c.decidedAbout(m.oid)
	if err != nil {
		return err
	}
	before := linked(m.keys, stored, decided)
	var now []storage.IssueKey
	if m.refs != 0 {
		now = linked(m.keys, c.notesAfter(m.oid, stored), decided)
	}
	added, dropped := changes.relink(before, now, entry{m.seconds, o})
	c.done.PostingsAdded += int64(len(added))
	c.done.PostingsDropped += int64(len(dropped))
	c.feed.change(m.oid, true, dropped)
	if len(added) > 0 {
		c.added = append(c.added, addedKeys{seconds: m.seconds, commit: -1, oid: m.oid, keys: added})
	}
	return nil
}

// bits gives the bits by which buckets are told apart after the change.
func (c *change) bits() uint {
	commits := c.rec.Commits + c.done.CommitsAdded - c.done.CommitsDropped
	if c.isFirst() || c.advance.Reset || isCrowded(c.rec.OIDBits, commits) {
		return bitsFor(commits)
	}
	return c.rec.OIDBits
}
