package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// Verify checks the index against itself; see storage.Reader. Whatever can be derived from something else is derived
// again and compared: reference counts, texts, look-ups by object id, postings, names of branches, verdicts, and all totals.
func (s *Store) Verify(ctx context.Context, report func(storage.Problem)) error {
	v, done, err := s.view(ctx)
	if err != nil {
		return err
	}
	defer done()
	c, err := readCounters(v, formatVersion)
	if err != nil {
		return err
	}
	check := &verification{view: v, report: report, seed: maphash.MakeSeed(), due: map[storage.RepositoryID]*tally{}}
	if err := check.repositories(&c); err != nil {
		return err
	}
	if err := check.branchNames(); err != nil {
		return err
	}
	if err := check.pullsOfIssues(); err != nil {
		return err
	}
	if err := check.postings(); err != nil {
		return err
	}
	if err := check.kept(&c); err != nil {
		return err
	}
	return check.strays()
}

// kept checks what belongs to no repository.
func (c *verification) kept(want *counters) error {
	if err := c.associations(want); err != nil {
		return err
	}
	if err := c.toldRows(); err != nil {
		return err
	}
	return c.commands(want)
}

// verification is one run of Verify.
type verification struct {
	view
	report    func(storage.Problem)
	seed      maphash.Seed
	names     int64                           // keys in names of refs that are due
	pullLinks int64                           // keys of pull requests that are due
	due       map[storage.RepositoryID]*tally // postings that follow from the commits, by repository
}

// tally sums a set of postings up so that two sets can be compared without holding either: equal counts and equal sums of
// hashes are equal sets.
type tally struct {
	n   int64
	sum uint64
}

func (c *verification) add(t *tally, key storage.IssueKey, e entry) {
	t.n++
	t.sum += maphash.Comparable(c.seed, struct {
		key storage.IssueKey
		entry
	}{key, e})
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

func (v view) count(space byte) (n int64, err error) {
	err = scanRange(v.ctx, v, []byte{space}, []byte{space + 1}, func(_, _ []byte) (bool, error) {
		n++
		return true, nil
	})
	return n, err
}

func (c *verification) repositories(want *counters) error {
	err := scanRange(c.ctx, c, []byte{spaceRepository}, []byte{spaceRepository + 1}, func(_, value []byte) (bool, error) {
		rec, err := decodeRecord(value)
		if err != nil {
			return true, c.sound(0, err)
		}
		c.due[rec.ID] = &tally{}
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
	if err == nil && identities != int64(len(c.due)) {
		c.problem(0, "there are %d repositories and %d identities", len(c.due), identities)
	}
	return err
}

// repository checks one repository: counts of references, texts, tips, notes.
func (c *verification) repository(rec *record) error {
	m := &members{verification: c, rec: rec, refs: map[ordinal]int64{}}
	tips, noCommit, err := c.tips(rec, m.refs)
	if err != nil {
		return err
	}
	if err := m.countParents(); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	notes, err := c.notes(rec)
	if err != nil {
		return err
	}
	if err := c.pulls(rec); err != nil {
		return err
	}
	for _, count := range []struct {
		what      string
		said, has int64
	}{
		{"commits", rec.Commits, m.held},
		{"postings", rec.Postings, c.due[rec.ID].n},
		{"tips", int64(rec.Tips), tips},
		{"refs without a commit", int64(rec.NoCommit), noCommit},
		{"notes", rec.Notes, notes},
		{"object ids to look up", m.held, m.placed},
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
		if t.kind == tipNothing {
			noCommit++
		} else {
			refs[t.commit]++
		}
		for _, key := range t.keys {
			c.names++
			name := keyBranchName(key, rec.ID, string(k[len(prefix):]))
			if err := c.expect(rec.ID, name, "key %s in the name of a ref", key); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	return tips, noCommit, err
}

// expect reports a row that should be there and is not.
func (c *verification) expect(id storage.RepositoryID, key []byte, what string, args ...any) error {
	_, closer, err := fetch(c, key)
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

func (c *verification) branchNames() error {
	names, err := c.count(spaceBranchName)
	if err == nil && names != c.names {
		c.problem(0, "there are %d keys in names of refs, the repositories account for %d", names, c.names)
	}
	return err
}

// strays reports rows of repositories that are not.
func (c *verification) strays() error {
	for _, space := range []byte{spaceTip, spaceNote, spacePull, spacePullCursor, spaceResetBase, spaceMembers, spaceTexts, spaceLongText, spaceBucket} {
		err := scanRange(c.ctx, c, []byte{space}, []byte{space + 1}, func(k, _ []byte) (bool, error) {
			if id := readRepository(k[1:]); c.due[id] == nil {
				c.problem(id, "rows of the keyspace %q are left of it, and it is not there", space)
				return false, nil
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
