package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// ofRepository yields rows of a repository, or storage.ErrNotFound.
func ofRepository[T any](ctx context.Context, s *Store, id storage.RepositoryID, space byte, decode func(v view, k, value []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		v, done, err := s.view(ctx)
		if err != nil {
			yield(none, err)
			return
		}
		defer done()
		if _, err = readRecord(v, id); err == nil {
			err = yieldRows(v, keyOfRepository(space, id), yield, decode)
		}
		if err != nil {
			yield(none, err)
		}
	}
}

const headOfRepository = 1 + 4 // bytes of a key before what the repository names

// Tips yields the refs of a repository as last indexed, sorted by name.
func (s *Store) Tips(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Tip, error] {
	return ofRepository(ctx, s, id, spaceTip, func(v view, k, value []byte) (storage.Tip, error) {
		row, err := decodeTip(value)
		if err != nil {
			return storage.Tip{}, err
		}
		t := storage.Tip{Ref: string(k[headOfRepository:]), OID: row.oid, Keys: row.keys}
		switch {
		case row.peeled:
			t.Commit, err = v.oid(row.commit)
		case row.commit != 0:
			t.Commit = row.oid
		}
		return t, err
	})
}

// Members yields every commit of a repository.
func (s *Store) Members(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Member, error] {
	return ofRepository(ctx, s, id, spaceMember, func(v view, k, value []byte) (storage.Member, error) {
		o := readOrdinal(k[headOfRepository:])
		row, err := decodeRow(o, value)
		if err != nil {
			return storage.Member{}, err
		}
		oid, err := v.oid(o)
		return storage.Member{OID: oid, Keys: row.keys}, err
	})
}

// NotesOf yields the notes of a repository, sorted by object and ref.
func (s *Store) NotesOf(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Note, error] {
	return ofRepository(ctx, s, id, spaceNote, func(_ view, k, value []byte) (storage.Note, error) {
		return decodeNote(k, value)
	})
}

// Holds reports whether the index of a repository has a commit.
func (s *Store) Holds(ctx context.Context, id storage.RepositoryID, oid storage.OID) (bool, error) {
	done, err := s.use()
	if err != nil {
		return false, err
	}
	defer done()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	o, err := s.ordinalOf(oid)
	if err != nil {
		return false, err
	}
	if o == 0 {
		return false, knownRepository(s.db, id)
	}
	has, err := hasMember(s.db, id, o)
	if err != nil || has {
		return has, err
	}
	return false, knownRepository(s.db, id)
}

// knownRepository fails with storage.ErrNotFound for a repository that is not.
func knownRepository(r pebble.Reader, id storage.RepositoryID) error {
	_, err := readRecord(r, id)
	return err
}

func hasMember(r pebble.Reader, id storage.RepositoryID, o ordinal) (bool, error) {
	_, closer, err := r.Get(keyMember(id, o))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read a member: %w", err)
	}
	return true, closer.Close()
}

// Holders yields the repositories that have a commit.
func (s *Store) Holders(ctx context.Context, oid storage.OID) iter.Seq2[storage.RepositoryID, error] {
	return func(yield func(storage.RepositoryID, error) bool) {
		v, done, err := s.view(ctx)
		if err != nil {
			yield(0, err)
			return
		}
		defer done()
		if err := v.holders(oid, yield); err != nil {
			yield(0, err)
		}
	}
}

func (v view) holders(oid storage.OID, yield func(storage.RepositoryID, error) bool) error {
	o, err := lookUpOrdinal(v, oid)
	if err != nil || o == 0 {
		return err
	}
	prefix := []byte{spaceRepository}
	return scanRange(v.ctx, v, prefix, after(prefix), func(k, _ []byte) (bool, error) {
		id := readRepository(k[1:])
		has, err := hasMember(v, id, o)
		if err != nil || !has {
			return err == nil, err
		}
		return yield(id, nil), nil
	})
}

// Postings yields every posting, sorted by key, then newest first.
func (s *Store) Postings(ctx context.Context, project string) iter.Seq2[storage.Posting, error] {
	prefix := []byte{spacePosting}
	if project != "" {
		prefix = append(append(prefix, project...), 0)
	}
	return func(yield func(storage.Posting, error) bool) {
		var tie []storage.Posting // postings of one key and second, which go out in the order of positions
		var last posting
		flush := func() bool {
			sortPostings(tie)
			for _, p := range tie {
				if !yield(p, nil) {
					return false
				}
			}
			tie = tie[:0]
			return true
		}
		all := rows(ctx, s, prefix, func(v view, k, _ []byte) (found, error) {
			p, err := readPosting(k)
			if err != nil {
				return found{}, err
			}
			oid, err := v.oid(p.ordinal)
			return found{p, oid}, err
		})
		for p, err := range all {
			if err != nil {
				yield(storage.Posting{}, err)
				return
			}
			if (p.key != last.key || p.seconds != last.seconds) && !flush() {
				return
			}
			last = p.posting
			tie = append(tie, storage.Posting{Key: p.key, Repository: p.repository, OID: p.oid})
		}
		flush()
	}
}

// Stats counts what the index holds.
func (s *Store) Stats(ctx context.Context) (storage.Stats, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return storage.Stats{}, err
	}
	defer done()
	c, err := readCounters(v)
	if err != nil {
		return storage.Stats{}, err
	}
	stats := storage.Stats{Commits: c.commits, Bytes: int64(s.db.Metrics().DiskSpaceUsage())}
	prefix := []byte{spaceRepository}
	err = scanRange(ctx, v, prefix, after(prefix), func(_, value []byte) (bool, error) {
		rec, err := decodeRecord(value)
		stats.Repositories++
		stats.Postings += rec.Postings
		return err == nil, err
	})
	return stats, err
}

// readCommit reads a commit's text; its parents and keys are its member's.
func readCommit(r pebble.Reader, o ordinal) (storage.Commit, error) {
	v, closer, err := r.Get(keyCommit(o))
	if err != nil {
		return storage.Commit{}, fmt.Errorf("%w: commit %d: %w", storage.ErrCorrupt, o, err)
	}
	defer closer.Close()
	return decodeCommit(bytes.Clone(v))
}
