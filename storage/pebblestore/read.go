package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// ofRepository yields rows of a repository, or storage.ErrNotFound.
func ofRepository[T any](ctx context.Context, s *Store, id storage.RepositoryID, space byte, decode func(v view, k, value []byte) (T, error)) iter.Seq2[T, error] {
	return viewed(ctx, s, func(v view, yield func(T, error) bool) error {
		if _, err := readRecord(v, id); err != nil {
			return err
		}
		return yieldRows(v, keyOfRepository(space, id), yield, decode)
	})
}

// Tips yields the refs of a repository as last indexed, sorted by name.
func (s *Store) Tips(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Tip, error] {
	return ofRepository(ctx, s, id, spaceTip, func(v view, k, value []byte) (storage.Tip, error) {
		return v.tip(id, string(k[headOfRepository:]), value)
	})
}

// Tip gives one ref of a repository as last indexed.
func (s *Store) Tip(ctx context.Context, id storage.RepositoryID, ref string) (storage.Tip, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return storage.Tip{}, err
	}
	defer done()
	value, err := get(v, keyTip(id, ref))
	if errors.Is(err, pebble.ErrNotFound) {
		return storage.Tip{}, fmt.Errorf("ref %q of repository %d: %w", ref, id, storage.ErrNotFound)
	}
	if err != nil {
		return storage.Tip{}, fmt.Errorf("read ref %q: %w", ref, err)
	}
	return v.tip(id, ref, value)
}

// tip decodes a stored ref.
func (v view) tip(id storage.RepositoryID, ref string, value []byte) (storage.Tip, error) {
	row, err := decodeTip(value)
	if err != nil {
		return storage.Tip{}, err
	}
	t := storage.Tip{Ref: ref, OID: row.oid, Keys: row.keys}
	switch row.kind {
	case tipCommit:
		t.Commit = row.oid
	case tipTag:
		t.Commit, err = v.oid(id, row.commit)
	}
	return t, err
}

// Members yields every commit of a repository.
func (s *Store) Members(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Member, error] {
	return func(yield func(storage.Member, error) bool) {
		blocks := ofRepository(ctx, s, id, spaceMembers, func(_ view, k, value []byte) ([]member, error) {
			return decodeMembers(firstOf(readNumber(k)), value)
		})
		for rows, err := range blocks {
			if err != nil {
				yield(storage.Member{}, err)
				return
			}
			if err := ctx.Err(); err != nil {
				yield(storage.Member{}, err)
				return
			}
			for i := range rows {
				if rows[i].refs != 0 && !yield(storage.Member{OID: rows[i].oid, Keys: rows[i].keys}, nil) {
					return
				}
			}
		}
	}
}

// NotesOf yields the notes of a repository, sorted by object and ref.
func (s *Store) NotesOf(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Note, error] {
	return ofRepository(ctx, s, id, spaceNote, func(_ view, k, value []byte) (storage.Note, error) {
		return decodeNote(k, value)
	})
}

// Holds reports whether the index of a repository has a commit.
func (s *Store) Holds(ctx context.Context, id storage.RepositoryID, oid storage.OID) (bool, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	bits, err := readOIDBits(v, id)
	if err != nil {
		return false, err
	}
	_, isHeld, err := find(v, id, bits, &oid)
	return isHeld, err
}

// Holders yields the repositories that have a commit.
func (s *Store) Holders(ctx context.Context, oid storage.OID) iter.Seq2[storage.RepositoryID, error] {
	return func(yield func(storage.RepositoryID, error) bool) {
		holding := rows(ctx, s, []byte{spaceRepository}, func(v view, k, _ []byte) (storage.RepositoryID, error) {
			id := readRepository(k[1:])
			bits, err := readOIDBits(v, id)
			if err != nil {
				return 0, err
			}
			_, isHeld, err := find(v, id, bits, &oid)
			if !isHeld {
				id = 0
			}
			return id, err
		})
		for id, err := range holding {
			if (id != 0 || err != nil) && !yield(id, err) {
				return
			}
		}
	}
}

// Postings yields every posting, sorted by key, then newest first.
func (s *Store) Postings(ctx context.Context, project string) iter.Seq2[storage.Posting, error] {
	prefix := []byte{spacePosting}
	if project != "" {
		prefix = append(append(prefix, project...), 0)
	}
	return viewed(ctx, s, func(v view, yield func(storage.Posting, error) bool) error { return v.postings(prefix, yield) })
}

// postings yields the postings under a prefix; the error is one that was not yielded.
func (v view) postings(prefix []byte, yield func(storage.Posting, error) bool) error {
	var key storage.IssueKey
	var of []found // of one issue
	stopped := false
	flush := func() bool {
		slices.SortFunc(of, func(a, b found) int { return a.position().Compare(b.position()) })
		for i, f := range of {
			if i%checkEvery == 0 && v.ctx.Err() != nil {
				return false
			}
			if stopped = !yield(storage.Posting{Key: key, Repository: f.repository, OID: f.oid}, nil); stopped {
				return false
			}
		}
		of = of[:0]
		return true
	}
	var run []entry
	err := scanRange(v.ctx, v, prefix, after(prefix), func(k, value []byte) (bool, error) {
		issue, rest, err := readIssue(k[1:])
		if err != nil {
			return false, err
		}
		if issue != key && !flush() {
			return false, v.ctx.Err()
		}
		key = issue
		id, first, err := readPlace(rest)
		if err != nil {
			return false, err
		}
		if run, err = decodeRun(run[:0], first, value); err != nil {
			return false, err
		}
		for _, e := range run {
			oid, err := v.oid(id, e.ordinal)
			if err != nil {
				return false, err
			}
			of = append(of, found{posting{id, e}, oid})
		}
		return true, nil
	})
	if stopped {
		return nil
	}
	if err == nil && !flush() && !stopped {
		err = v.ctx.Err()
	}
	return err
}

// Stats counts what the index holds.
func (s *Store) Stats(ctx context.Context) (storage.Stats, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return storage.Stats{}, err
	}
	defer done()
	stats := storage.Stats{Bytes: int64(s.db.Metrics().DiskSpaceUsage())}
	prefix := []byte{spaceRepository}
	err = scanRange(ctx, v, prefix, after(prefix), func(_, value []byte) (bool, error) {
		rec, err := decodeRecord(value)
		stats.Repositories++
		stats.Commits += rec.Commits
		stats.Postings += rec.Postings
		return err == nil, err
	})
	if err == nil {
		stats.PullRequests, err = v.countPulls()
	}
	return stats, err
}
