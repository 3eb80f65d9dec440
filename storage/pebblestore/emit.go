package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// emit writes what apply decided.
func (c *change) emit(out *sink) error {
	for i := range c.fresh {
		if m := &c.fresh[i]; m.present {
			if err := c.emitMember(out, m); err != nil {
				return err
			}
		}
	}
	for _, m := range c.touched {
		if m.before == nil && !m.present {
			continue
		}
		if err := c.emitMember(out, m); err != nil {
			return err
		}
	}
	c.emitTips(out)
	return c.emitNotes(out)
}

// emitMember writes one commit of the repository: its text when it is new to the index, its row, its postings.
func (c *change) emitMember(out *sink, m *member) error {
	switch {
	case m.present && m.before == nil:
		c.done.CommitsAdded++
		if err := c.emitHeld(out, m); err != nil {
			return err
		}
	case m.present && m.commit != nil:
		// Given again by a reset, which also repairs.
		out.set(keyCommit(m.ordinal), appendCommit(nil, m.commit))
	case !m.present:
		c.done.CommitsDropped++
	}
	switch {
	case m.present && m.dirty:
		out.set(keyMember(c.rec.ID, m.ordinal), appendRow(nil, m.ordinal, &m.row))
	case !m.present:
		out.delete(keyMember(c.rec.ID, m.ordinal))
	}
	if err := c.emitPostings(out, m); err != nil {
		return err
	}
	if !m.present {
		return c.emitReleased(out, m)
	}
	return nil
}

// emitHeld records that one more repository holds a commit.
func (c *change) emitHeld(out *sink, m *member) error {
	if m.fresh {
		out.set(keyCommit(m.ordinal), appendCommit(nil, m.commit))
		out.set(keyOrdinal(m.commit.OID), binary.AppendUvarint(nil, uint64(m.ordinal)))
		c.counters.commits++
		return nil
	}
	n, err := c.store.holders(m.ordinal)
	if err != nil {
		return err
	}
	out.set(keyHolders(m.ordinal), binary.AppendUvarint(nil, n+1))
	return nil
}

// emitReleased records that one repository less holds a commit, which ends with the last one.
func (c *change) emitReleased(out *sink, m *member) error {
	n, err := c.store.holders(m.ordinal)
	if err != nil {
		return err
	}
	if n > 2 {
		out.set(keyHolders(m.ordinal), binary.AppendUvarint(nil, n-1))
		return nil
	}
	if n == 2 {
		out.delete(keyHolders(m.ordinal))
		return nil
	}
	oid, _, err := c.store.commitHead(m.ordinal)
	if err != nil {
		return err
	}
	out.delete(keyCommit(m.ordinal))
	out.delete(keyOrdinal(oid))
	c.counters.commits--
	return nil
}

// emitPostings writes the difference between the keys that a commit is linked to and those it will be.
func (c *change) emitPostings(out *sink, m *member) error {
	if m.before != nil && m.present && m.commit == nil && len(c.notes) == 0 {
		return nil // only its count has changed
	}
	oid, seconds, err := c.head(m)
	if err != nil {
		return err
	}
	before, now, err := c.links(m, oid)
	if err != nil {
		return err
	}
	for _, k := range now {
		if !slices.Contains(before, k) {
			out.set(keyPosting(k, seconds, m.ordinal, c.rec.ID), nil)
			c.done.PostingsAdded++
		}
	}
	for _, k := range before {
		if !slices.Contains(now, k) {
			out.delete(keyPosting(k, seconds, m.ordinal, c.rec.ID))
			c.done.PostingsDropped++
		}
	}
	return nil
}

// head gives a member's object id and committer time.
func (c *change) head(m *member) (storage.OID, int64, error) {
	if m.commit != nil {
		return m.commit.OID, m.commit.Committer.Seconds, nil
	}
	return c.store.commitHead(m.ordinal)
}

// links gives the keys of a commit before and after the change: those of its message and of its notes.
func (c *change) links(m *member, oid storage.OID) (before, now []storage.IssueKey, err error) {
	stored, err := c.storedNotes(oid)
	if err != nil {
		return nil, nil, err
	}
	if m.before != nil {
		before = linked(m.before.keys, stored)
	}
	if m.present {
		now = linked(m.keys, c.notesAfter(oid, stored))
	}
	return before, now, nil
}

// linked unites the keys of a message and of notes.
func linked(message []storage.IssueKey, notes []storage.Note) []storage.IssueKey {
	if len(notes) == 0 {
		return message
	}
	keys := slices.Clone(message)
	for _, n := range notes {
		keys = append(keys, n.Keys...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// emitTips writes the tips that differ from those stored, and the keys in their names.
func (c *change) emitTips(out *sink) {
	for i := range c.tips {
		t := &c.tips[i]
		if t.before != nil && t.before.equal(&t.now) {
			continue
		}
		c.done.TipsChanged++
		var before tipRow
		if t.before != nil {
			before = *t.before
		}
		c.countTip(&before, -1)
		c.countTip(&t.now, +1)
		for _, k := range before.keys {
			if !slices.Contains(t.now.keys, k) {
				out.delete(keyBranchName(k, c.rec.ID, t.ref))
			}
		}
		if t.now.oid.IsZero() {
			out.delete(keyTip(c.rec.ID, t.ref))
			continue
		}
		for _, k := range t.now.keys {
			out.set(keyBranchName(k, c.rec.ID, t.ref), nil)
		}
		out.set(keyTip(c.rec.ID, t.ref), appendTip(nil, &t.now))
	}
}

// countTip adds n times a tip to the counts of the repository; an absent one is not counted.
func (c *change) countTip(t *tipRow, n int) {
	if t.oid.IsZero() {
		return
	}
	c.rec.Tips += n
	if t.commit == 0 {
		c.rec.NoCommit += n
	}
}

// ordinalOf looks an object id up; 0 when the index does not have it.
func (s *Store) ordinalOf(oid storage.OID) (ordinal, error) { return lookUpOrdinal(s.db, oid) }

func lookUpOrdinal(r pebble.Reader, oid storage.OID) (ordinal, error) {
	v, closer, err := r.Get(keyOrdinal(oid))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look commit %s up: %w", oid, err)
	}
	defer closer.Close()
	n, err := decodeUint(v, "ordinal")
	return ordinal(n), err
}

// holders counts the repositories that hold a commit of the index.
func (s *Store) holders(o ordinal) (uint64, error) {
	v, err := get(s.db, keyHolders(o))
	if errors.Is(err, pebble.ErrNotFound) {
		return 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("count a commit's holders: %w", err)
	}
	return decodeUint(v, "count of holders")
}

// commitHead reads a commit's object id and committer time.
func (s *Store) commitHead(o ordinal) (storage.OID, int64, error) {
	v, closer, err := s.db.Get(keyCommit(o))
	if err != nil {
		return storage.OID{}, 0, fmt.Errorf("%w: commit %d: %w", storage.ErrCorrupt, o, err)
	}
	defer closer.Close()
	return decodeCommitHead(v)
}

// tip reads a stored tip; nil when there is none.
func (s *Store) tip(id storage.RepositoryID, ref string) (*tipRow, error) {
	v, err := get(s.db, keyTip(id, ref))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ref %q: %w", ref, err)
	}
	t, err := decodeTip(v)
	return &t, err
}
