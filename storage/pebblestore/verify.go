package pebblestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// Verify checks the index against itself; see storage.Reader. Whatever can be derived from something else is derived
// again and compared: reference counts, postings, counts of holders, names of branches, and all totals.
func (s *Store) Verify(ctx context.Context, report func(storage.Problem)) error {
	v, done, err := s.view(ctx)
	if err != nil {
		return err
	}
	defer done()
	c, err := readCounters(v)
	if err != nil {
		return err
	}
	check := &verification{view: v, report: report, holders: make([]uint32, c.nextOrdinal)}
	if err := check.commits(&c); err != nil {
		return err
	}
	if err := check.repositories(&c); err != nil {
		return err
	}
	if err := check.heldBy(); err != nil {
		return err
	}
	for _, space := range []struct {
		prefix byte
		want   int64
		what   string
	}{
		{spacePosting, check.postings, "postings"},
		{spaceBranchName, check.branchNames, "keys in names of refs"},
	} {
		rows, err := v.count(space.prefix)
		if err != nil {
			return err
		}
		if rows != space.want {
			check.problem(0, "there are %d %s, the repositories account for %d", rows, space.what, space.want)
		}
	}
	return nil
}

// verification is one run of Verify.
type verification struct {
	view
	report      func(storage.Problem)
	holders     []uint32 // by ordinal, as counted
	postings    int64
	branchNames int64
}

func (c *verification) problem(id storage.RepositoryID, format string, args ...any) {
	c.report(storage.Problem{Repository: id, Text: fmt.Sprintf(format, args...)})
}

// sound takes an error about the index's content as a problem, and hands others on.
func (c *verification) sound(id storage.RepositoryID, err error) error {
	if errors.Is(err, storage.ErrCorrupt) {
		c.problem(id, "%v", err)
		return nil
	}
	return err
}

// commits checks that object ids and ordinals name each other.
func (c *verification) commits(want *counters) error {
	commits := int64(0)
	err := scanRange(c.ctx, c, []byte{spaceCommit}, []byte{spaceCommit + 1}, func(k, value []byte) (bool, error) {
		commits++
		o := readOrdinal(k[1:])
		oid, _, err := decodeCommitHead(value)
		if err == nil {
			_, err = decodeCommit(value)
		}
		if err != nil {
			return true, c.sound(0, err)
		}
		back, err := lookUpOrdinal(c, oid)
		if err != nil {
			return true, c.sound(0, err)
		}
		if back != o {
			c.problem(0, "commit %s has ordinal %d, but its object id leads to %d", oid, o, back)
		}
		if o >= want.nextOrdinal {
			c.problem(0, "commit %s has ordinal %d, beyond the last one given", oid, o)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	ordinals, err := c.count(spaceOrdinal)
	if err != nil {
		return err
	}
	if commits != want.commits || ordinals != commits {
		c.problem(0, "there are %d commits and %d object ids; the counter says %d", commits, ordinals, want.commits)
	}
	return nil
}

func (v view) count(space byte) (n int64, err error) {
	err = scanRange(v.ctx, v, []byte{space}, []byte{space + 1}, func(_, _ []byte) (bool, error) {
		n++
		return true, nil
	})
	return n, err
}

func (c *verification) repositories(want *counters) error {
	n := int64(0)
	err := scanRange(c.ctx, c, []byte{spaceRepository}, []byte{spaceRepository + 1}, func(_, value []byte) (bool, error) {
		rec, err := decodeRecord(value)
		if err != nil {
			return true, c.sound(0, err)
		}
		n++
		if rec.ID >= want.nextRepository {
			c.problem(rec.ID, "its number is beyond the last one given")
		}
		id, err := get(c, keyIdentity(rec.RepositorySpec))
		if err != nil || len(id) != 4 || readRepository(id) != rec.ID {
			c.problem(rec.ID, "its identity does not lead to it")
		}
		return true, c.sound(rec.ID, c.repository(&rec))
	})
	if err != nil {
		return err
	}
	identities, err := c.count(spaceIdentity)
	if err == nil && identities != n {
		c.problem(0, "there are %d repositories and %d identities", n, identities)
	}
	return err
}

// repository checks one repository: counts of references, postings, tips, notes.
func (c *verification) repository(rec *record) error {
	refs := map[ordinal]int64{}
	tips, noCommit, err := c.tips(rec, refs)
	if err != nil {
		return err
	}
	members := map[ordinal]row{}
	prefix := keyOfRepository(spaceMember, rec.ID)
	err = scanRange(c.ctx, c, prefix, after(prefix), func(k, value []byte) (bool, error) {
		o := readOrdinal(k[len(prefix):])
		m, err := decodeRow(o, value)
		if err != nil {
			return false, err
		}
		for _, p := range m.parents {
			refs[p]++
		}
		members[o] = m
		return true, nil
	})
	if err != nil {
		return err
	}
	for o, n := range refs {
		if _, ok := members[o]; !ok {
			c.problem(rec.ID, "commit %d is referred to %d times and missing", o, n)
		}
	}
	postings, err := c.members(rec, members, refs)
	if err != nil {
		return err
	}
	c.postings += postings
	notes, err := c.notes(rec)
	if err != nil {
		return err
	}
	for _, count := range []struct {
		what      string
		said, has int64
	}{
		{"commits", rec.Commits, int64(len(members))},
		{"postings", rec.Postings, postings},
		{"tips", int64(rec.Tips), tips},
		{"refs without a commit", int64(rec.NoCommit), noCommit},
		{"notes", rec.Notes, notes},
	} {
		if count.said != count.has {
			c.problem(rec.ID, "it counts %d %s and has %d", count.said, count.what, count.has)
		}
	}
	return nil
}

// tips counts the refs of a repository and what they refer to.
func (c *verification) tips(rec *record, refs map[ordinal]int64) (tips, noCommit int64, err error) {
	prefix := keyOfRepository(spaceTip, rec.ID)
	err = scanRange(c.ctx, c, prefix, after(prefix), func(k, value []byte) (bool, error) {
		t, err := decodeTip(value)
		if err != nil {
			return false, err
		}
		tips++
		if t.commit == 0 {
			noCommit++
		} else {
			refs[t.commit]++
		}
		for _, key := range t.keys {
			c.branchNames++
			name := keyBranchName(key, rec.ID, string(k[len(prefix):]))
			if err := c.expect(rec.ID, name, "key %s in the name of a ref", key); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	return tips, noCommit, err
}

// members checks each commit of a repository, and counts the postings that follow.
func (c *verification) members(rec *record, members map[ordinal]row, refs map[ordinal]int64) (postings int64, err error) {
	for o, m := range members {
		if err := c.ctx.Err(); err != nil {
			return 0, err
		}
		if m.refs != refs[o] || m.refs == 0 {
			c.problem(rec.ID, "commit %d counts %d references and has %d", o, m.refs, refs[o])
		}
		hit, err := c.hit(rec, o)
		if err != nil {
			if err := c.sound(rec.ID, err); err != nil {
				return 0, err
			}
			continue
		}
		if o < ordinal(len(c.holders)) {
			c.holders[o]++
		}
		for _, key := range hit.Keys {
			postings++
			k := keyPosting(key, hit.Committer.Seconds, o, rec.ID)
			if err := c.expect(rec.ID, k, "posting of %s on commit %s", key, hit.OID); err != nil {
				return 0, err
			}
		}
	}
	return postings, nil
}

// expect reports a row that should be there and is not.
func (c *verification) expect(id storage.RepositoryID, key []byte, what string, args ...any) error {
	_, closer, err := c.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		c.problem(id, "missing: "+what, args...)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	return closer.Close()
}

func (c *verification) notes(rec *record) (n int64, err error) {
	prefix := keyOfRepository(spaceNote, rec.ID)
	err = scanRange(c.ctx, c, prefix, after(prefix), func(k, value []byte) (bool, error) {
		n++
		_, err := decodeNote(k, value)
		return err == nil, err
	})
	return n, err
}

// heldBy compares the counts of holders with the members found, and finds commits that nobody holds.
func (c *verification) heldBy() error {
	return scanRange(c.ctx, c, []byte{spaceCommit}, []byte{spaceCommit + 1}, func(k, _ []byte) (bool, error) {
		o := readOrdinal(k[1:])
		said := uint64(1)
		v, err := get(c, keyHolders(o))
		switch {
		case errors.Is(err, pebble.ErrNotFound):
		case err != nil:
			return false, fmt.Errorf("read the index: %w", err)
		default:
			if said, err = decodeUint(v, "count of holders"); err != nil {
				return true, c.sound(0, err)
			}
		}
		if o < ordinal(len(c.holders)) && uint64(c.holders[o]) != said {
			c.problem(0, "commit %d is held by %d repositories; its count says %d", o, c.holders[o], said)
		}
		return true, nil
	})
}
