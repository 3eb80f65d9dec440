package storagetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"keytrail/storage"
)

// answers is all that an index tells about what it holds.
type answers struct {
	Stats        storage.Stats
	Repositories []storage.Repository
	Tips         map[storage.RepositoryID][]storage.Tip
	Members      map[storage.RepositoryID]map[storage.OID][]storage.IssueKey
	Notes        map[storage.RepositoryID][]storage.Note
	PullRequests map[storage.RepositoryID][]storage.PullRequest
	Cursors      map[storage.RepositoryID]storage.PullRequestCursor
	Holders      map[storage.OID][]storage.RepositoryID
	Postings     []storage.Posting
	Issues       map[storage.IssueKey]storage.Issue // compared
	Releases     map[storage.IssueKey][]storage.Releases
	Hits         map[storage.IssueKey][]storage.Hit
	Pulled       map[storage.IssueKey][]storage.PullRequest
	Associations []storage.Association // all that were ever decided
	Standing     []storage.Association
	Commands     []storage.Command
	Searched     storage.FeedCursor
	Unlinked     []storage.Hit // members without a posting, in order of positions
}

// Compare asks two indexes everything and tells how the answers differ, "" when they do not. It also reports what
// either finds wrong with itself. Bytes on disk are not compared.
func Compare(ctx context.Context, want, have storage.Reader) (string, error) {
	w, err := ask(ctx, want)
	if err != nil {
		return "", fmt.Errorf("ask the wanted index: %w", err)
	}
	h, err := ask(ctx, have)
	if err != nil {
		return "", fmt.Errorf("ask the index at hand: %w", err)
	}
	return difference(w, h), nil
}

// difference tells how two values differ, "" when they do not. Nil and empty are the same. Most values are equal,
// and finding that first is several times faster.
func difference(want, have any) string {
	if reflect.DeepEqual(want, have) {
		return ""
	}
	return cmp.Diff(want, have, cmpopts.EquateEmpty())
}

// ask collects every answer of an index. Problems that it finds with itself are an error.
func ask(ctx context.Context, r storage.Reader) (*answers, error) {
	a := &answers{
		Tips:         map[storage.RepositoryID][]storage.Tip{},
		Members:      map[storage.RepositoryID]map[storage.OID][]storage.IssueKey{},
		Notes:        map[storage.RepositoryID][]storage.Note{},
		PullRequests: map[storage.RepositoryID][]storage.PullRequest{},
		Cursors:      map[storage.RepositoryID]storage.PullRequestCursor{},
		Holders:      map[storage.OID][]storage.RepositoryID{},
		Issues:       map[storage.IssueKey]storage.Issue{},
		Releases:     map[storage.IssueKey][]storage.Releases{},
		Hits:         map[storage.IssueKey][]storage.Hit{},
		Pulled:       map[storage.IssueKey][]storage.PullRequest{},
	}
	var problems []error
	err := r.Verify(ctx, func(p storage.Problem) {
		problems = append(problems, fmt.Errorf("verify: repository %d: %s", p.Repository, p.Text))
	})
	if err := errors.Join(append(problems, err)...); err != nil {
		return nil, err
	}
	if a.Stats, err = r.Stats(ctx); err != nil {
		return nil, err
	}
	a.Stats.Bytes = 0
	if a.Repositories, err = collect(r.Repositories(ctx)); err != nil {
		return nil, err
	}
	for _, repository := range a.Repositories {
		if err := a.askRepository(ctx, r, repository.ID); err != nil {
			return nil, fmt.Errorf("repository %d: %w", repository.ID, err)
		}
	}
	if a.Postings, err = collect(r.Postings(ctx, "")); err != nil {
		return nil, err
	}
	for key := range a.keys() {
		if err := a.askIssue(ctx, r, key); err != nil {
			return nil, fmt.Errorf("issue %s: %w", key, err)
		}
	}
	if err := a.askKept(ctx, r); err != nil {
		return nil, err
	}
	return a, a.askUnlinked(ctx, r)
}

// askKept asks for what is kept whatever becomes of repositories.
func (a *answers) askKept(ctx context.Context, r storage.Reader) (err error) {
	if a.Associations, err = collect(r.Associations(ctx, storage.AssociationQuery{History: true})); err != nil {
		return err
	}
	if a.Standing, err = collect(r.Associations(ctx, storage.AssociationQuery{})); err != nil {
		return err
	}
	if a.Commands, err = collect(r.Commands(ctx, storage.CommandQuery{})); err != nil {
		return err
	}
	a.Searched, err = r.CommandCursor(ctx)
	return err
}

func (a *answers) askRepository(ctx context.Context, r storage.Reader, id storage.RepositoryID) (err error) {
	if a.Tips[id], err = collect(r.Tips(ctx, id)); err != nil {
		return err
	}
	if a.Notes[id], err = collect(r.NotesOf(ctx, id)); err != nil {
		return err
	}
	if a.PullRequests[id], err = collect(r.PullRequestsOf(ctx, id)); err != nil {
		return err
	}
	if a.Cursors[id], err = r.PullRequestCursor(ctx, id); err != nil {
		return err
	}
	a.Members[id] = map[storage.OID][]storage.IssueKey{}
	for m, err := range r.Members(ctx, id) {
		if err != nil {
			return err
		}
		if _, twice := a.Members[id][m.OID]; twice {
			return fmt.Errorf("member %s is yielded twice", m.OID)
		}
		a.Members[id][m.OID] = m.Keys
		if a.Holders[m.OID] != nil {
			continue
		}
		if a.Holders[m.OID], err = collect(r.Holders(ctx, m.OID)); err != nil {
			return err
		}
	}
	return nil
}

// keys gives the keys that anything links to, and one that nothing does.
func (a *answers) keys() map[storage.IssueKey]bool {
	found := map[storage.IssueKey]bool{"NOTHING-1": true}
	for _, p := range a.Postings {
		found[p.Key] = true
	}
	for _, tips := range a.Tips {
		for _, t := range tips {
			for _, k := range t.Keys {
				found[k] = true
			}
		}
	}
	for _, pulls := range a.PullRequests {
		for _, p := range pulls {
			for _, k := range p.Keys {
				found[k] = true
			}
		}
	}
	return found
}

func (a *answers) askIssue(ctx context.Context, r storage.Reader, key storage.IssueKey) (err error) {
	if a.Issues[key], err = r.Issue(ctx, storage.IssueQuery{Key: key, Compare: true}); err != nil {
		return err
	}
	if a.Releases[key], err = r.Releases(ctx, storage.ReleaseQuery{Key: key}); err != nil {
		return err
	}
	if a.Pulled[key], err = collect(r.PullRequests(ctx, key)); err != nil {
		return err
	}
	q := storage.CommitQuery{Key: key}
	for {
		page, err := r.Commits(ctx, q)
		if err != nil {
			return err
		}
		a.Hits[key] = append(a.Hits[key], page.Hits...)
		if page.Next == nil {
			return nil
		}
		q.After = page.Next
	}
}

// askUnlinked asks for the commits that no issue has told about.
func (a *answers) askUnlinked(ctx context.Context, r storage.Reader) error {
	type held struct {
		id  storage.RepositoryID
		oid storage.OID
	}
	linked := map[held]bool{}
	for _, p := range a.Postings {
		linked[held{p.Repository, p.OID}] = true
	}
	for id, members := range a.Members {
		for oid := range members {
			if linked[held{id, oid}] {
				continue
			}
			h, err := r.Commit(ctx, id, oid)
			if err != nil {
				return err
			}
			a.Unlinked = append(a.Unlinked, h)
		}
	}
	slices.SortFunc(a.Unlinked, func(x, y storage.Hit) int { return x.Position().Compare(y.Position()) })
	return nil
}

// collect reads a sequence to its end. An error ends it: a row behind one is a fault of its own.
func collect[T any](rows iter.Seq2[T, error]) ([]T, error) {
	var found []T
	var failed error
	for row, err := range rows {
		if failed != nil {
			return nil, fmt.Errorf("the sequence goes on after its error: %w", failed)
		}
		if err != nil {
			failed = err
			continue
		}
		found = append(found, row)
	}
	return found, failed
}
