package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// The postings of an issue in a repository are entries, oldest first, cut into runs. A run's key holds its first entry; its
// value holds the others, each as seconds after the one before and the difference of their ordinals. So a push writes one
// run, however many postings its issue has.
const maxRun = 256 // entries

// appendRun writes the value of a run.
func appendRun(b []byte, run []entry) []byte {
	for i := 1; i < len(run); i++ {
		b = binary.AppendUvarint(b, uint64(run[i].seconds)-uint64(run[i-1].seconds))
		b = appendInt(b, int64(run[i].ordinal)-int64(run[i-1].ordinal))
	}
	return b
}

// decodeRun appends the entries of a run whose first one is known from its key.
func decodeRun(run []entry, first entry, v []byte) ([]entry, error) {
	run = append(run, first)
	d := decoder{b: v}
	for len(d.b) > 0 {
		first.seconds = int64(uint64(first.seconds) + d.uint())
		first.ordinal = ordinal(int64(first.ordinal) + d.int())
		run = append(run, first)
	}
	return run, d.done("run of postings")
}

// writeRuns writes all postings of an issue in a repository: entries are sorted, prefix is keyPostings of the issue.
func writeRuns(out rowWriter, prefix []byte, id storage.RepositoryID, entries []entry, scratch *[]byte) error {
	for run := range slices.Chunk(entries, maxRun) {
		key := appendPlace(prefix, id, run[0])
		*scratch = appendRun((*scratch)[:0], run)
		if err := out.set(key, *scratch); err != nil {
			return err
		}
	}
	return nil
}

// postingChange is what becomes of the postings of one issue in one repository.
type postingChange struct{ add, drop []entry }

// postingChanges are those of a repository, by issue.
type postingChanges map[storage.IssueKey]*postingChange

// of gives the change of an issue's postings, which is made when there is none.
func (c postingChanges) of(key storage.IssueKey) *postingChange {
	if c[key] == nil {
		c[key] = &postingChange{}
	}
	return c[key]
}

// relink adds what becomes of a commit's postings when its keys change, and gives the difference.
func (c postingChanges) relink(before, now []storage.IssueKey, e entry) (added, dropped []storage.IssueKey) {
	added, dropped = lacking(now, before), lacking(before, now)
	for _, k := range added {
		c.of(k).add = append(c.of(k).add, e)
	}
	for _, k := range dropped {
		c.of(k).drop = append(c.of(k).drop, e)
	}
	return added, dropped
}

// apply rewrites the runs that a change touches.
func (p *postingChange) apply(db pebble.Reader, out *sink, issue storage.IssueKey, id storage.RepositoryID) error {
	prefix := keyPostings(issue)
	it, err := db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("read the postings of %s: %w", issue, err)
	}
	changes := p.sorted()
	var scratch []byte
	for len(changes) > 0 && err == nil {
		var at runPlace
		if at, err = findRun(it, prefix, id, changes[0].entry); err != nil {
			break
		}
		n := len(changes)
		if at.next != nil {
			n, _ = slices.BinarySearchFunc(changes, *at.next, func(c entryChange, next entry) int { return c.compare(next) })
		}
		run := merge(at.run, changes[:n])
		changes = changes[n:]
		if len(at.run) > 0 && (len(run) == 0 || run[0] != at.run[0]) {
			out.delete(appendPlace(slices.Clone(prefix), id, at.run[0]))
		}
		err = writeRuns(out, prefix, id, run, &scratch)
	}
	if closed := it.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("read the postings of %s: %w", issue, unread(err))
	}
	return nil
}

// runPlace is a run as it is stored, and the first entry of the one behind it; nil at the end.
type runPlace struct {
	run  []entry
	next *entry
}

// findRun gives the run of an issue in a repository that an entry is in or belongs to: the last one that does not begin behind it, else the first.
// It is empty when there is none.
func findRun(it *pebble.Iterator, prefix []byte, id storage.RepositoryID, e entry) (at runPlace, err error) {
	of := appendRepository(slices.Clone(prefix), id)
	it.SetBounds(of, after(of))
	beyond := append(appendPlace(slices.Clone(prefix), id, e), 0)
	if !it.SeekLT(beyond) && !it.First() {
		return at, it.Error()
	}
	_, first, err := readPlace(it.Key()[len(prefix):])
	if err != nil {
		return at, err
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return at, err
	}
	if at.run, err = decodeRun(nil, first, v); err != nil || !it.Next() {
		return at, errors.Join(err, it.Error())
	}
	_, next, err := readPlace(it.Key()[len(prefix):])
	at.next = &next
	return at, err
}

// entryChange adds or drops an entry.
type entryChange struct {
	entry
	isDrop bool
}

func (p *postingChange) sorted() []entryChange {
	all := make([]entryChange, 0, len(p.add)+len(p.drop))
	for _, e := range p.add {
		all = append(all, entryChange{entry: e})
	}
	for _, e := range p.drop {
		all = append(all, entryChange{entry: e, isDrop: true})
	}
	slices.SortFunc(all, func(a, b entryChange) int { return a.compare(b.entry) })
	return all
}

// merge applies changes to entries; both are sorted.
func merge(run []entry, changes []entryChange) []entry {
	out := make([]entry, 0, len(run)+len(changes))
	for _, c := range changes {
		for len(run) > 0 && run[0].compare(c.entry) < 0 {
			out, run = append(out, run[0]), run[1:]
		}
		for len(run) > 0 && run[0] == c.entry {
			run = run[1:]
		}
		if !c.isDrop {
			out = append(out, c.entry)
		}
	}
	return append(out, run...)
}
