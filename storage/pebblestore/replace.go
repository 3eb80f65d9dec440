package pebblestore

import (
	"encoding/binary"

	"keytrail/storage"
)

// replace takes away all that a repository held before a reset, and counts the difference to what comes instead. What comes has
// ordinals of its own, so that the two share no row but buckets.
func (c *change) replace(out *sink) error {
	matched := make([]bool, c.in.count())
	if err := c.dropCommits(out, matched); err != nil {
		return err
	}
	var keys []storage.IssueKey
	for i := range c.refs {
		if c.stays(i) && !matched[i] {
			keys = c.linksOf(i, keys[:0])
			c.done.CommitsAdded++
			c.done.PostingsAdded += int64(len(keys))
			c.tellAdded(i, true, keys)
		}
	}
	out.put(keyResetBase(c.rec.ID), binary.AppendUvarint(nil, uint64(c.base)))
	for _, space := range []byte{spaceMembers, spaceTexts} {
		out.deleteRange(keyNumbered(space, c.rec.ID, 0), keyNumbered(space, c.rec.ID, c.base.block()))
	}
	out.deleteRange(keyNumbered(spaceLongText, c.rec.ID, 0), keyNumbered(spaceLongText, c.rec.ID, uint32(c.base)))
	return nil
}

// dropCommits deletes the postings of all commits that were held, and counts those that are not among the matched ones that come.
func (c *change) dropCommits(out *sink, matched []bool) error {
	issues := map[storage.IssueKey]struct{}{}
	prefix := keyOfRepository(spaceMembers, c.rec.ID)
	err := c.store.scan(c.ctx, prefix, func(k, v []byte) (bool, error) {
		rows, err := decodeMembers(firstOf(readNumber(k)), v)
		for i := range rows {
			if err == nil && rows[i].refs != 0 {
				err = c.replaceCommit(&rows[i], matched, issues)
			}
		}
		return err == nil, err
	})
	if err != nil {
		return err
	}
	return c.deletePostings(out, issues)
}

// replaceCommit counts how a commit that was held differs from the same among those that come, or counts it as dropped.
func (c *change) replaceCommit(m *member, matched []bool, issues map[storage.IssueKey]struct{}) error {
	stored, err := c.storedNotes(m.oid)
	if err != nil {
		return err
	}
	decided, err := c.decidedAbout(m.oid)
	if err != nil {
		return err
	}
	before := linked(m.keys, stored, decided)
	for _, k := range before {
		issues[k] = struct{}{}
	}
	i := c.in.find(&m.oid)
	if i < 0 || !c.stays(i) || matched[i] {
		c.done.CommitsDropped++
		c.done.PostingsDropped += int64(len(before))
		c.feed.change(m.oid, true, before)
		return nil
	}
	matched[i] = true
	now := c.linksOf(i, nil)
	added, dropped := lacking(now, before), lacking(before, now)
	c.done.PostingsAdded += int64(len(added))
	c.done.PostingsDropped += int64(len(dropped))
	c.feed.change(m.oid, true, dropped)
	c.tellAdded(i, false, added)
	return nil
}

// deletePostings deletes the repository's postings of some issues.
func (c *change) deletePostings(out *sink, issues map[storage.IssueKey]struct{}) error {
	for key := range issues {
		err := c.store.scan(c.ctx, appendRepository(keyPostings(key), c.rec.ID), func(k, _ []byte) (bool, error) {
			out.delete(k)
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
