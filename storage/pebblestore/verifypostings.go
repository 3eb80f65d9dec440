package pebblestore

import (
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// postings compares the postings there are with those that are due.
func (c *verification) postings() error {
	has := map[storage.RepositoryID]*tally{}
	err := c.eachRun([]byte{spacePosting}, func(key storage.IssueKey, id storage.RepositoryID, run []entry) error {
		if has[id] == nil {
			has[id] = &tally{}
		}
		for _, e := range run {
			c.add(has[id], key, e)
		}
		return nil
	})
	if err != nil {
		return c.sound(0, err)
	}
	for id, due := range c.due {
		if has[id] == nil {
			has[id] = &tally{}
		}
		if *has[id] != *due {
			if err := c.explain(id); err != nil {
				return c.sound(id, err)
			}
		}
		delete(has, id)
	}
	for id, t := range has {
		c.problem(id, "%d postings are left of it, and it is not there", t.n)
	}
	return nil
}

// eachRun calls fn for each run under a prefix, and reports those out of order.
func (c *verification) eachRun(prefix []byte, fn func(storage.IssueKey, storage.RepositoryID, []entry) error) error {
	var run []entry
	var lastKey storage.IssueKey
	var lastID storage.RepositoryID
	var last entry
	return scanRange(c.ctx, c, prefix, after(prefix), func(k, value []byte) (bool, error) {
		key, rest, err := readIssue(k[1:])
		if err != nil {
			return false, err
		}
		id, first, err := readPlace(rest)
		if err != nil {
			return false, err
		}
		if run, err = decodeRun(run[:0], first, value); err != nil {
			return false, err
		}
		isSorted := slices.IsSortedFunc(run, entry.compare)
		if !isSorted || key == lastKey && id == lastID && last.compare(first) >= 0 {
			c.problem(id, "the postings of %s are out of order", key)
		}
		lastKey, lastID, last = key, id, run[len(run)-1]
		return true, fn(key, id, run)
	})
}

// explain reports which postings of a repository are missing and which are too many.
func (c *verification) explain(id storage.RepositoryID) error {
	rec, err := readRecord(c, id)
	if err != nil {
		return err
	}
	m := &members{verification: c, rec: &rec}
	err = m.blocks(func(number uint32, rows []member) error {
		for i := range rows {
			if rows[i].refs == 0 {
				continue
			}
			keys, err := c.links(&rec, &rows[i])
			if err != nil {
				return err
			}
			for _, key := range keys {
				has, err := c.hasPosting(key, id, entry{rows[i].seconds, firstOf(number) + ordinal(i)})
				if err != nil {
					return err
				}
				if !has {
					c.problem(id, "missing: posting of %s on commit %s", key, rows[i].oid)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.eachRun([]byte{spacePosting}, func(key storage.IssueKey, of storage.RepositoryID, run []entry) error {
		if of != id {
			return nil
		}
		for _, e := range run {
			if isDue, err := c.isDue(&rec, key, e); err != nil {
				return err
			} else if !isDue {
				c.problem(id, "posting of %s on commit %d follows from nothing", key, e.ordinal)
			}
		}
		return nil
	})
}

func (v view) hasPosting(key storage.IssueKey, id storage.RepositoryID, e entry) (has bool, err error) {
	it, err := v.NewIter(&pebble.IterOptions{})
	if err != nil {
		return false, err
	}
	defer func() { err = unread(errors.Join(err, it.Close())) }()
	at, err := findRun(it, keyPostings(key), id, e)
	return slices.Contains(at.run, e), err
}

// isDue tells whether a posting follows from a commit that is held.
func (c *verification) isDue(rec *record, key storage.IssueKey, e entry) (bool, error) {
	m, _, err := readMember(c, rec.ID, e.ordinal)
	if errors.Is(err, storage.ErrCorrupt) {
		return false, nil
	}
	if err != nil || m.seconds != e.seconds {
		return false, err
	}
	keys, err := c.links(rec, &m)
	return slices.Contains(keys, key), err
}
