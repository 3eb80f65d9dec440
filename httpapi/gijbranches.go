package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"keytrail/storage"
)

// gijBranches answers the names of the branches that contain a commit of an issue, or without an issue of all branches. A branch that
// is only named after the issue is not among them.
func (s *Server) gijBranches(w *response, r *http.Request) error {
	q, err := looseQueryOf(r)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	if text := q["key"]; text != "" {
		err = s.branchesOfIssue(r.Context(), text, found)
	} else {
		err = s.allBranches(r.Context(), found)
	}
	if err != nil {
		return err
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	s.answer(w, r, struct {
		gijDone
		Branches []string `json:"branches"`
	}{gijOK, names})
	return nil
}

// branchesOfIssue collects the names of the branches that contain a commit of an issue.
func (s *Server) branchesOfIssue(ctx context.Context, text string, into map[string]bool) error {
	key, err := s.key(ctx, text)
	if err != nil {
		return err
	}
	q := storage.CommitQuery{Key: key}
	if q.Within, err = accessOf(ctx).within(ctx); err != nil {
		return err
	}
	for {
		page, err := s.options.Store.Commits(ctx, q)
		if err != nil {
			return fmt.Errorf("commits of %s: %w", key, err)
		}
		for _, hit := range page.Hits {
			for _, name := range hit.Branches {
				into[name] = true
			}
		}
		if q.After = page.Next; q.After == nil {
			return nil
		}
	}
}

// maxGIJBranches is how many branches are told where no issue is named.
const maxGIJBranches = 200_000

// allBranches collects the names of the branches of all repositories.
func (s *Server) allBranches(ctx context.Context, into map[string]bool) error {
	who := accessOf(ctx)
	if who != nil && who.token.Projects != nil {
		return who.all() // names of branches tell of every project
	}
	for repository, err := range s.options.Store.Repositories(ctx) {
		if err != nil {
			return fmt.Errorf("repositories: %w", err)
		}
		if who.repository(repository) != nil {
			continue
		}
		for tip, err := range s.options.Store.Tips(ctx, repository.ID) {
			if err != nil {
				return fmt.Errorf("refs of repository %d: %w", repository.ID, err)
			}
			if name, isBranch := strings.CutPrefix(tip.Ref, "refs/heads/"); isBranch {
				into[name] = true
			}
			if len(into) > maxGIJBranches {
				return problemf(badParameter, "there are more than %d branches: name an issue with key", maxGIJBranches)
			}
		}
	}
	return nil
}
