package pebblestore

import (
	"slices"

	"keytrail/storage"
)

// replace takes away all that a repository held before a reset, and counts the difference to what comes instead. What comes has
// ordinals of its own, so that the two share no row but buckets.
func (c *change) replace(out *sink) error {
	matched := make([]bool, c.in.count())
	for i := range c.refs {
		if c.stays(i) {
			c.done.CommitsAdded++
			keys, err := c.linksOf(i)
			if err != nil {
				return err
			}
			c.done.PostingsAdded += int64(len(keys))
		}
	}
	if err := c.dropCommits(out, matched); err != nil {
		return err
	}
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

// linksOf gives the keys that a commit that comes will be linked to.
func (c *change) linksOf(i int) ([]storage.IssueKey, error) {
	message := c.in.keysOf(i, nil)
	if c.rec.Notes == 0 && len(c.notes) == 0 {
		return message, nil
	}
	oid := *c.in.oid(i)
	stored, err := c.storedNotes(oid)
	if err != nil {
		return nil, err
	}
	return linked(message, c.notesAfter(oid, stored)), nil
}

// replaceCommit takes a commit that was held off the counts of what is new, or counts it as dropped.
func (c *change) replaceCommit(m *member, matched []bool, issues map[storage.IssueKey]struct{}) error {
	stored, err := c.storedNotes(m.oid)
	if err != nil {
		return err
	}
	before := linked(m.keys, stored)
	for _, k := range before {
		issues[k] = struct{}{}
	}
	i := c.in.find(&m.oid)
	if i < 0 || !c.stays(i) || matched[i] {
		c.done.CommitsDropped++
		c.done.PostingsDropped += int64(len(before))
		return nil
	}
	matched[i] = true
	c.done.CommitsAdded--
	now, err := c.linksOf(i)
	if err != nil {
		return err
	}
	for _, k := range before {
		if slices.Contains(now, k) {
			c.done.PostingsAdded--
		} else {
			c.done.PostingsDropped++
		}
	}
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
