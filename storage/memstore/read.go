package memstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"keytrail/storage"
)

// Repository tells what is known about one repository.
func (s *Store) Repository(ctx context.Context, id storage.RepositoryID) (storage.Repository, error) {
	st, err := s.read(ctx)
	if err != nil {
		return storage.Repository{}, err
	}
	r, err := st.repository(id)
	if err != nil {
		return storage.Repository{}, err
	}
	return r.Repository, nil
}

// Repositories yields every repository in order of their ids.
func (s *Store) Repositories(ctx context.Context) iter.Seq2[storage.Repository, error] {
	return rows(ctx, s, func(st *state) ([]storage.Repository, error) {
		var all []storage.Repository
		for _, r := range st.sorted() {
			all = append(all, r.Repository)
		}
		return all, nil
	})
}

// ofRepository yields what list finds in one repository.
func ofRepository[T any](ctx context.Context, s *Store, id storage.RepositoryID, list func(*repository) []T) iter.Seq2[T, error] {
	return rows(ctx, s, func(st *state) ([]T, error) {
		r, err := st.repository(id)
		if err != nil {
			return nil, err
		}
		return list(r), nil
	})
}

// Tips yields the refs of a repository, sorted by name.
func (s *Store) Tips(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Tip, error] {
	return ofRepository(ctx, s, id, func(r *repository) []storage.Tip {
		var tips []storage.Tip
		for _, ref := range slices.Sorted(maps.Keys(r.tips)) {
			t := r.tips[ref]
			t.Keys = slices.Clone(t.Keys)
			tips = append(tips, t)
		}
		return tips
	})
}

// Tip gives one ref of a repository.
func (s *Store) Tip(ctx context.Context, id storage.RepositoryID, ref string) (storage.Tip, error) {
	st, err := s.read(ctx)
	if err != nil {
		return storage.Tip{}, err
	}
	r, err := st.repository(id)
	if err != nil {
		return storage.Tip{}, err
	}
	t, ok := r.tips[ref]
	if !ok {
		return storage.Tip{}, fmt.Errorf("ref %q of repository %d: %w", ref, id, storage.ErrNotFound)
	}
	t.Keys = slices.Clone(t.Keys)
	return t, nil
}

// Members yields every commit of a repository.
func (s *Store) Members(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Member, error] {
	return ofRepository(ctx, s, id, func(r *repository) []storage.Member {
		var members []storage.Member
		for oid, c := range r.commits {
			members = append(members, storage.Member{OID: oid, Keys: slices.Clone(c.Keys)})
		}
		return members
	})
}

// NotesOf yields the notes of a repository, sorted by object and ref.
func (s *Store) NotesOf(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Note, error] {
	return ofRepository(ctx, s, id, func(r *repository) []storage.Note {
		var notes []storage.Note
		for _, n := range r.notes {
			n.Keys = slices.Clone(n.Keys)
			notes = append(notes, n)
		}
		slices.SortFunc(notes, compareNotes)
		return notes
	})
}

// Holds reports whether a repository has a commit.
func (s *Store) Holds(ctx context.Context, id storage.RepositoryID, oid storage.OID) (bool, error) {
	st, err := s.read(ctx)
	if err != nil {
		return false, err
	}
	r, err := st.repository(id)
	if err != nil {
		return false, err
	}
	_, ok := r.commits[oid]
	return ok, nil
}

// Holders yields the repositories that have a commit, in order of their ids.
func (s *Store) Holders(ctx context.Context, oid storage.OID) iter.Seq2[storage.RepositoryID, error] {
	return rows(ctx, s, func(st *state) ([]storage.RepositoryID, error) {
		var ids []storage.RepositoryID
		for _, r := range st.sorted() {
			if _, ok := r.commits[oid]; ok {
				ids = append(ids, r.ID)
			}
		}
		return ids, nil
	})
}

// Postings yields every posting, sorted by key, then newest first.
func (s *Store) Postings(ctx context.Context, project string) iter.Seq2[storage.Posting, error] {
	return rows(ctx, s, func(st *state) ([]storage.Posting, error) {
		var postings []storage.Posting
		for _, r := range st.repositories {
			for l := range r.links() {
				if project == "" || l.key.Project() == project {
					postings = append(postings, storage.Posting{Key: l.key, Repository: r.ID, OID: l.oid})
				}
			}
		}
		slices.SortFunc(postings, func(a, b storage.Posting) int {
			return cmp.Or(a.Key.Compare(b.Key), st.position(a.Repository, a.OID).Compare(st.position(b.Repository, b.OID)))
		})
		return postings, nil
	})
}

// position gives a commit's place in the order of answers.
func (st *state) position(id storage.RepositoryID, oid storage.OID) storage.Position {
	c := st.repositories[id].commits[oid]
	return storage.Position{Seconds: c.Committer.Seconds, OID: oid, Repository: id}
}

// Stats counts what the index holds.
func (s *Store) Stats(ctx context.Context) (storage.Stats, error) {
	st, err := s.read(ctx)
	if err != nil {
		return storage.Stats{}, err
	}
	stats := storage.Stats{Repositories: len(st.repositories)}
	for _, r := range st.repositories {
		stats.Commits += int64(len(r.commits))
		stats.Postings += int64(len(r.links()))
		stats.PullRequests += int64(len(r.pulls))
	}
	return stats, nil
}

// Verify searches each repository anew from its tips, and counts it again.
func (s *Store) Verify(ctx context.Context, report func(storage.Problem)) error {
	st, err := s.read(ctx)
	if err != nil {
		return err
	}
	for _, r := range st.sorted() {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, text := range r.problems() {
			report(storage.Problem{Repository: r.ID, Text: text})
		}
	}
	return nil
}

func (r *repository) problems() []string {
	var found []string
	reached := map[storage.OID]bool{}
	for _, t := range r.tips {
		if t.Commit.IsZero() {
			continue
		}
		from, err := r.commits.reachable(t.Commit)
		if err != nil {
			found = append(found, fmt.Sprintf("ref %q: %v", t.Ref, err))
		}
		maps.Copy(reached, from)
	}
	if n := lacking(r.commits, reached); n > 0 {
		found = append(found, fmt.Sprintf("%d commits are held that no ref reaches", n))
	}
	if commits, postings := int64(len(r.commits)), int64(len(r.links())); r.Commits != commits || r.Postings != postings {
		found = append(found, fmt.Sprintf("the record counts %d commits and %d postings where there are %d and %d", r.Commits, r.Postings, commits, postings))
	}
	if r.cursor.Count != len(r.pulls) {
		found = append(found, fmt.Sprintf("the cursor counts %d pull requests where there are %d", r.cursor.Count, len(r.pulls)))
	}
	return found
}
