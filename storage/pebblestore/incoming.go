package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// incoming is the commits that an Advance brings, numbered in the order of their arrival. What is reckoned with is kept in flat
// columns, some 90 bytes a commit; the texts of many commits go to disk as they come, so that memory does not follow their size.
type incoming struct {
	known    oidSet        // of the commits and of the parents that they name
	commitOf column[int32] // by the number of an object id: the commit, or -1 for one that was only named
	keySet   keySet

	// by commit
	number    column[uint32] // of its object id
	seconds   column[int64]
	parentEnd column[uint32]
	keyEnd    column[uint32]

	parents column[uint32]        // numbers of object ids
	keys    column[uint32]        // numbers of keys
	cut     map[int][]storage.OID // the parents of shallow commits

	few   []storage.Commit // while there are few: the commits themselves
	fewOf []int            // by commit: its place among them
	bytes int              // of the few's messages
	texts *textStream      // once there are many
}

// From so many commits, or bytes of their messages, on the texts go to disk as they come.
const (
	manyCommits = 2048
	manyBytes   = 4 << 20
)

// isMany tells whether texts have begun to go to disk.
func (in *incoming) isMany() bool { return in.texts != nil }

// count tells how many commits there are.
func (in *incoming) count() int { return in.number.n }

// gather reads the commits of an Advance. Many of them are compared with what the repository holds as they come, and version says of when
// that is; few are not until the writer's turn, see settle. The caller calls discard in the end, whatever became of them.
func (s *Store) gather(ctx context.Context, a *storage.Advance, in *incoming) (version uint64, err error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	rec, err := readRecord(v, a.Repository) // an unknown repository is not worth a walk
	if err != nil || a.Commits == nil {
		return rec.Version, err
	}
	return rec.Version, in.takeAll(v, a, &rec)
}

func (in *incoming) takeAll(v view, a *storage.Advance, rec *record) error {
	isHeld := rec.isHeld(v, a.Reset)
	read := 0
	for c, err := range a.Commits {
		if err != nil {
			return err
		}
		if read++; read%checkEvery == 0 && v.ctx.Err() != nil {
			return v.ctx.Err()
		}
		if in.isMany() {
			if err := in.take(&c, isHeld); err != nil {
				return err
			}
			continue
		}
		in.few = append(in.few, c)
		in.bytes += len(c.Message)
		if len(in.few) < v.store.manyFrom && in.bytes < manyBytes {
			continue
		}
		if err := errors.Join(v.ctx.Err(), rec.hasOrdinals()); err != nil {
			return err
		}
		in.texts = newTextStream(&v.store.tables, a.Repository, rec.freshBlock())
		if err := in.settle(isHeld); err != nil {
			return err
		}
	}
	return v.ctx.Err()
}

// isHeld gives the test whether the repository holds a commit, as of now.
func (rec *record) isHeld(r pebble.Reader, isReset bool) func(*storage.OID) (bool, error) {
	if isReset || rec.Commits == 0 {
		return func(*storage.OID) (bool, error) { return false, nil }
	}
	return func(oid *storage.OID) (bool, error) {
		_, held, err := find(r, rec.ID, rec.OIDBits, oid)
		return held, err
	}
}

// freshBlock gives the first block of a repository without a commit.
func (rec *record) freshBlock() uint32 {
	return uint32((uint64(rec.Next) + blockSize - 1) / blockSize)
}

// hasOrdinals fails when a repository has used its ordinals up, which is while half of them are left for what one Advance brings.
func (rec *record) hasOrdinals() error {
	if rec.Next > math.MaxUint32/2 {
		return fmt.Errorf("repository %d has used up its ordinals: forget it and index it anew", rec.ID)
	}
	return nil
}

// settle takes the few commits in.
func (in *incoming) settle(isHeld func(*storage.OID) (bool, error)) error {
	for i := range in.few {
		if err := in.take(&in.few[i], isHeld); err != nil {
			return err
		}
		if !in.isMany() && len(in.fewOf) < in.count() {
			in.fewOf = append(in.fewOf, i)
		}
	}
	if in.isMany() {
		in.few = nil
	}
	return nil
}

// take numbers a commit and keeps what is reckoned with, unless it came before or is held.
func (in *incoming) take(c *storage.Commit, isHeld func(*storage.OID) (bool, error)) error {
	n, isNew := in.numberOf(&c.OID)
	if !isNew && in.commitOf.get(n) >= 0 {
		return nil
	}
	if held, err := isHeld(&c.OID); held || err != nil {
		return err
	}
	i := in.count()
	*in.commitOf.at(n) = int32(i)
	in.number.add(uint32(n))
	in.seconds.add(c.Committer.Seconds)
	switch {
	case c.Shallow:
		if in.cut == nil {
			in.cut = map[int][]storage.OID{}
		}
		in.cut[i] = append([]storage.OID{}, c.Parents...)
	default:
		for j := range c.Parents {
			p, _ := in.numberOf(&c.Parents[j])
			in.parents.add(uint32(p))
		}
	}
	in.parentEnd.add(uint32(in.parents.n))
	for _, k := range c.Keys {
		in.keys.add(in.keySet.number(k))
	}
	in.keyEnd.add(uint32(in.keys.n))
	if in.isMany() {
		return in.texts.add(c)
	}
	return nil
}

func (in *incoming) numberOf(oid *storage.OID) (n int, isNew bool) {
	n, isNew = in.known.number(oid)
	if isNew {
		in.commitOf.add(-1)
	}
	return n, isNew
}

// isShallow tells whether a commit is cut off from its parents.
func (in *incoming) isShallow(i int) bool {
	_, ok := in.cut[i]
	return ok
}

// find gives the commit of an object id, or -1.
func (in *incoming) find(oid *storage.OID) int {
	n := in.known.find(oid)
	if n < 0 {
		return -1
	}
	return int(in.commitOf.get(n))
}

// oid gives the object id of a commit.
func (in *incoming) oid(i int) *storage.OID { return in.known.oids.at(int(in.number.get(i))) }

// parentsOf appends the numbers of a commit's parents.
func (in *incoming) parentsOf(i int, to []uint32) []uint32 {
	from := 0
	if i > 0 {
		from = int(in.parentEnd.get(i - 1))
	}
	for j := from; j < int(in.parentEnd.get(i)); j++ {
		to = append(to, in.parents.get(j))
	}
	return to
}

// keysOf appends the keys of a commit's message.
func (in *incoming) keysOf(i int, to []storage.IssueKey) []storage.IssueKey {
	from := 0
	if i > 0 {
		from = int(in.keyEnd.get(i - 1))
	}
	for j := from; j < int(in.keyEnd.get(i)); j++ {
		to = append(to, in.keySet.keys.get(int(in.keys.get(j))))
	}
	return to
}

// discard removes what was written of texts and is not part of the index.
func (in *incoming) discard() {
	if in.isMany() {
		in.texts.discard()
	}
}
