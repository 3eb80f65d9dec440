package pebblestore

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// feedReader reads one page of the feed.
type feedReader struct {
	view
	place feedPlace // where to read on
	last  uint64    // the sequence that the feed ends with
	limit int
	told  []storage.PostingChange
	next  []storage.IssueKey // scratch
}

func (r *feedReader) isFull() bool { return len(r.told) >= r.limit }

// read tells until the page is full or the feed ends.
func (r *feedReader) read() error {
	if r.place.isPresent {
		if err := r.present(); err != nil || r.place.isPresent {
			return err
		}
	}
	return r.rows()
}

// present tells what there is, repository by repository, and then turns to the rows behind.
func (r *feedReader) present() error {
	from := keyOfRepository(spaceRepository, r.place.repository)
	isWhole := true
	err := scanRange(r.ctx, r, from, []byte{spaceRepository + 1}, func(_, v []byte) (bool, error) {
		rec, err := decodeRecord(v)
		if err != nil {
			return false, err
		}
		if rec.ID != r.place.repository {
			r.place.repository, r.place.at, r.place.key = rec.ID, 0, ""
		}
		isWhole, err = r.span(&rec, math.MaxUint32, storage.PostingChange{Initial: true, Sequence: r.place.sequence})
		return isWhole, err
	})
	if err == nil && isWhole {
		r.place = feedPlace{feedPart: feedPart{sequence: r.place.sequence + 1}}
	}
	return err
}

// rows tells the rows from the place on.
func (r *feedReader) rows() error {
	from, to := keyFeed(r.place.feedPart), keyFeed(feedPart{sequence: r.last + 1})
	isStopped := false
	err := scanRange(r.ctx, r, from, to, func(k, v []byte) (bool, error) {
		part, err := readFeedKey(k)
		if err != nil {
			return false, err
		}
		if part != r.place.feedPart {
			r.place = feedPlace{feedPart: part}
		}
		if isStopped = r.isFull(); isStopped {
			return false, nil
		}
		isWhole, err := r.row(v)
		if isWhole {
			r.place = feedPlace{feedPart: feedPart{part.sequence, part.part + 1}}
		}
		isStopped = !isWhole
		return isWhole, err
	})
	if err == nil && !isStopped {
		r.place = feedPlace{feedPart: feedPart{sequence: max(r.place.sequence, r.last+1)}}
	}
	return err
}

// row tells one row from the place on, and whether to its end.
func (r *feedReader) row(v []byte) (isWhole bool, err error) {
	d := decoder{b: v}
	h := d.feedHead()
	change := storage.PostingChange{Initial: h.isInitial, Sequence: r.place.sequence, At: h.at}
	change.Repository = h.repository
	if h.kind == feedSpan {
		from, to := d.uint(), d.uint()
		if err := d.done("row of the feed"); err != nil {
			return false, err
		}
		return r.rowOfSpan(ordinal(from), ordinal(to), change)
	}
	skip := r.place.at
	for len(d.b) > 0 && !d.bad {
		c := d.feedChange(r.next[:0])
		r.next = c.changed
		if d.bad {
			break
		}
		change.OID, change.Dropped = c.oid, c.isDrop
		for _, k := range c.changed {
			if skip > 0 {
				skip--
				continue
			}
			if r.isFull() {
				return false, nil
			}
			change.Key = k
			r.told = append(r.told, change)
			r.place.at++
		}
	}
	return true, d.done("row of the feed")
}

// rowOfSpan tells the postings of the commits of a row.
func (r *feedReader) rowOfSpan(from, to ordinal, change storage.PostingChange) (isWhole bool, err error) {
	rec, err := readRecord(r, change.Repository)
	if errors.Is(err, storage.ErrNotFound) {
		return true, nil // it was forgotten, which a later row tells
	}
	if err != nil {
		return false, err
	}
	base, err := readResetBase(r, rec.ID)
	if err != nil {
		return false, err
	}
	if base > from {
		to = math.MaxUint32
	}
	r.place.at = max(r.place.at, uint64(from))
	return r.span(&rec, to, change)
}

// span tells the postings of a repository's commits from the place's ordinal to before another, and whether all of them.
func (r *feedReader) span(rec *record, to ordinal, change storage.PostingChange) (isWhole bool, err error) {
	if r.place.at >= uint64(to) {
		return true, nil
	}
	change.Repository = rec.ID
	lower := keyNumbered(spaceMembers, rec.ID, ordinal(r.place.at).block())
	upper := after(keyNumbered(spaceMembers, rec.ID, (to - 1).block()))
	isWhole = true
	err = scanRange(r.ctx, r, lower, upper, func(k, v []byte) (bool, error) {
		first := firstOf(readNumber(k))
		rows, err := decodeMembers(first, v)
		if err != nil {
			return false, err
		}
		for i := range rows {
			o := first + ordinal(i)
			if rows[i].refs == 0 || uint64(o) < r.place.at || o >= to {
				continue
			}
			if uint64(o) > r.place.at {
				r.place.at, r.place.key = uint64(o), ""
			}
			if isWhole, err = r.commit(rec, &rows[i], change); err != nil || !isWhole {
				return false, err
			}
			r.place.at, r.place.key = uint64(o)+1, ""
		}
		return true, nil
	})
	return isWhole, err
}

// commit tells the postings of one commit behind the place's key, and whether all of them.
func (r *feedReader) commit(rec *record, m *member, change storage.PostingChange) (isWhole bool, err error) {
	keys, err := r.links(rec, m)
	if err != nil {
		return false, err
	}
	if !slices.IsSorted(keys) {
		keys = slices.Sorted(slices.Values(keys))
	}
	change.OID = m.oid
	for _, k := range keys {
		if cmp.Compare(k, r.place.key) <= 0 {
			continue
		}
		if r.isFull() {
			return false, nil
		}
		change.Key = k
		r.told = append(r.told, change)
		r.place.key = k
	}
	return true, nil
}

func keyResetBase(id storage.RepositoryID) []byte { return keyOfRepository(spaceResetBase, id) }

// readResetBase gives the ordinal that the last reset of a repository began with; 0 without one.
func readResetBase(r pebble.Reader, id storage.RepositoryID) (ordinal, error) {
	v, err := get(r, keyResetBase(id))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the last reset of repository %d: %w", id, err)
	}
	base, err := decodeUint(v, "reset")
	return ordinal(base), err
}
