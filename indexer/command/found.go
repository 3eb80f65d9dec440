package command

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"maps"
	"slices"

	"keytrail/indexer/issuekey"
	"keytrail/indexer/smartcommit"
	"keytrail/storage"
)

// firstOfNotes is the least index of a command in a note. Those of a message are their places in it, and less.
const firstOfNotes = 1 << 30

// Of gives the commands of a commit: those of its message in their order, and then those of the notes on it. They have their ids, keys,
// names and texts, and the repository.
//
// A note may be edited, and its commands keep their ids as long as they say the same: the index of one is made from its note's ref, its key and its
// words, and, if a note says the same several times, from how often it did before.
func Of(hit storage.Hit, rules *issuekey.Rules) []storage.Command {
	made := func(c smartcommit.Command, index int) storage.Command {
		return storage.Command{
			CommandID: storage.CommandID{OID: hit.OID, Index: index}, Key: storage.IssueKey(c.Key), Repository: hit.Repository, Name: c.Name, Text: c.Text,
		}
	}
	var found []storage.Command
	for _, c := range smartcommit.Parse(hit.Message, rules) {
		found = append(found, made(c, c.Index))
	}
	for _, ref := range slices.Sorted(maps.Keys(hit.Notes)) {
		said := map[int]uint32{}
		for _, c := range smartcommit.Parse(hit.Notes[ref], rules) {
			c.Index = 0
			first := noteIndex(ref, c, 0)
			found = append(found, made(c, noteIndex(ref, c, said[first])))
			said[first]++
		}
	}
	return found
}

// noteIndex makes the index of a command in a note: 30 bits of a hash (FNV-1a), which among the few commands of one commit do not meet.
func noteIndex(ref string, c smartcommit.Command, before uint32) int {
	h := fnv.New32a()
	for _, part := range []string{ref, c.Key, c.Name, c.Text} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	h.Write(binary.BigEndian.AppendUint32(nil, before))
	return firstOfNotes | int(h.Sum32()>>2)
}

// isOfNote tells that a command was in a note.
func isOfNote(id storage.CommandID) bool { return id.Index >= firstOfNotes }

// arrived is a commit that came to issues.
type arrived struct {
	hit  storage.Hit
	keys []storage.IssueKey
}

// inOrder sorts commits that came together: by committer date, and those of one second with parents before their children. read gives
// a commit of a repository that is not among them: without commands, or of no issue.
func inOrder(commits []arrived, read func(storage.RepositoryID, storage.OID) (storage.Commit, error)) error {
	l := lineage{commits: make(map[storage.OID]storage.Commit, len(commits)), depths: map[storage.OID]int{}, read: read}
	together := map[int64]int{}
	for _, a := range commits {
		l.commits[a.hit.OID] = a.hit.Commit
		together[a.hit.Committer.Seconds]++
	}
	for _, a := range commits {
		if together[a.hit.Committer.Seconds] > 1 {
			if _, err := l.depth(a.hit.Repository, a.hit.OID, a.hit.Committer.Seconds); err != nil {
				return err
			}
		}
	}
	slices.SortStableFunc(commits, func(a, b arrived) int {
		return cmp.Or(
			cmp.Compare(a.hit.Committer.Seconds, b.hit.Committer.Seconds),
			cmp.Compare(l.depths[a.hit.OID], l.depths[b.hit.OID]),
			a.hit.OID.Compare(b.hit.OID),
			cmp.Compare(a.hit.Repository, b.hit.Repository),
		)
	})
	return nil
}

// maxLineage bounds how many commits of one second are read to put them in order.
const maxLineage = 10_000

// lineage tells how many generations of commits of the same second lie behind a commit.
type lineage struct {
	commits map[storage.OID]storage.Commit
	depths  map[storage.OID]int
	read    func(storage.RepositoryID, storage.OID) (storage.Commit, error)
}

// depth gives the generations behind a commit, itself included; 0 for one of another second.
func (l *lineage) depth(in storage.RepositoryID, oid storage.OID, second int64) (int, error) {
	if d, isKnown := l.depths[oid]; isKnown {
		return d, nil
	}
	c, isHere := l.commits[oid]
	if !isHere {
		if len(l.commits) > maxLineage {
			return 0, nil
		}
		var err error
		c, err = l.read(in, oid)
		if errors.Is(err, storage.ErrNotFound) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		l.commits[oid] = c
	}
	if c.Committer.Seconds != second {
		return 0, nil
	}
	deepest := 0
	for _, p := range c.Parents {
		d, err := l.depth(in, p, second)
		if err != nil {
			return 0, err
		}
		deepest = max(deepest, d)
	}
	l.depths[oid] = deepest + 1
	return deepest + 1, nil
}
