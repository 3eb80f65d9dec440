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

// SetPullRequests takes over what was read of a repository's pull requests; see storage.Writer.
func (s *Store) SetPullRequests(ctx context.Context, id storage.RepositoryID, u storage.PullRequestUpdate) error {
	return s.change(ctx, func(next *state) error {
		old, err := next.repository(id)
		if err != nil {
			return err
		}
		r := *old
		r.pulls = map[string]storage.PullRequest{}
		if !u.Reset {
			maps.Copy(r.pulls, old.pulls)
		}
		for _, gone := range u.Gone {
			delete(r.pulls, gone)
		}
		given := map[string]bool{}
		for _, p := range u.Changed {
			if given[p.ID] {
				return fmt.Errorf("pull request %q of repository %d is given twice in one update", p.ID, id)
			}
			given[p.ID] = true
			p.Repository, p.Created, p.Updated = id, p.Created.UTC(), p.Updated.UTC()
			r.pulls[p.ID] = clonePull(p)
		}
		r.cursor = old.cursor.Apply(u, len(r.pulls))
		next.repositories[id] = &r
		return nil
	})
}

// PullRequests yields the pull requests that belong to a key; see storage.Reader.
func (s *Store) PullRequests(ctx context.Context, key storage.IssueKey) iter.Seq2[storage.PullRequest, error] {
	return rows(ctx, s, func(st *state) ([]storage.PullRequest, error) { return st.pulls(key), nil })
}

// PullRequestsOf yields the pull requests of a repository, sorted by the host's id.
func (s *Store) PullRequestsOf(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.PullRequest, error] {
	return ofRepository(ctx, s, id, func(r *repository) []storage.PullRequest {
		var pulls []storage.PullRequest
		for _, p := range r.pulls {
			pulls = append(pulls, clonePull(p))
		}
		slices.SortFunc(pulls, func(a, b storage.PullRequest) int { return cmp.Compare(a.ID, b.ID) })
		return pulls
	})
}

// PullRequestCursor tells how far the pull requests of a repository have been read.
func (s *Store) PullRequestCursor(ctx context.Context, id storage.RepositoryID) (storage.PullRequestCursor, error) {
	st, err := s.read(ctx)
	if err != nil {
		return storage.PullRequestCursor{}, err
	}
	r, err := st.repository(id)
	if err != nil {
		return storage.PullRequestCursor{}, err
	}
	return r.cursor, nil
}

// pulls gives the pull requests that belong to a key, in the order of answers.
func (st *state) pulls(key storage.IssueKey) []storage.PullRequest {
	var found []storage.PullRequest
	for _, r := range st.repositories {
		for _, p := range r.pulls {
			if slices.Contains(p.Keys, key) {
				found = append(found, clonePull(p))
			}
		}
	}
	slices.SortFunc(found, storage.PullRequest.Compare)
	return found
}

// clonePull copies a pull request, so that the index and its callers share no slices.
func clonePull(p storage.PullRequest) storage.PullRequest {
	p.Keys = slices.Clone(p.Keys)
	return p
}
