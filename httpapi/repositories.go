package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"keytrail/storage"
)

// order compares repositories. No two are equal.
type order func(a, b storage.Repository) int

func byID(a, b storage.Repository) int { return cmp.Compare(a.ID, b.ID) }

func byName(a, b storage.Repository) int { return cmp.Or(cmp.Compare(a.Name, b.Name), byID(a, b)) }

// byStaleness puts those first that have waited longest for a successful look, and before them those that never had one.
func byStaleness(a, b storage.Repository) int { return cmp.Or(a.SeenAt.Compare(b.SeenAt), byID(a, b)) }

func orderOf(sort string) order {
	switch sort {
	case "name":
		return byName
	case "staleness":
		return byStaleness
	default:
		return byID
	}
}

func (s *Server) repositories(w *response, r *http.Request) error {
	p, err := queryOf(r, "state", "sort", "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := p.limit()
	if err != nil {
		return err
	}
	state, err := p.oneOf("state", string(storage.StateNew), string(storage.StateIndexed), string(storage.StateFailing), string(storage.StateRetired))
	if err != nil {
		return err
	}
	sort, err := p.oneOf("sort", "id", "name", "staleness")
	if err != nil {
		return err
	}
	compare, question := orderOf(sort), questionOf("repositories", state, cmp.Or(sort, "id"))
	after := storage.Repository{}
	cursor := p.text("cursor")
	if cursor != "" {
		place, err := question.place(cursor)
		if err != nil {
			return err
		}
		if after, err = repositoryAt(place); err != nil {
			return err
		}
	}
	var found []storage.Repository
	for repository, err := range s.options.Store.Repositories(r.Context()) {
		if err != nil {
			return fmt.Errorf("repositories: %w", err)
		}
		isAsked := accessOf(r.Context()).integration(repository.Integration) && (state == "" || string(repository.State()) == state)
		if isAsked && (cursor == "" || compare(repository, after) > 0) {
			found = append(found, repository)
		}
	}
	slices.SortFunc(found, compare)
	s.answer(w, r, s.repositoryPage(found, limit, question))
	return nil
}

// repositoryPage answers the first repositories of a sorted list.
func (s *Server) repositoryPage(found []storage.Repository, limit int, question question) any {
	page := struct {
		Repositories []Repository `json:"repositories"`
		Next         string       `json:"next,omitempty"`
	}{Repositories: []Repository{}}
	now := s.options.Now()
	for _, repository := range found[:min(limit, len(found))] {
		page.Repositories = append(page.Repositories, RepositoryOf(repository, now))
	}
	if len(found) > limit {
		page.Next = question.cursor(repositoryPlace(found[limit-1]))
	}
	return page
}

func (s *Server) repository(w *response, r *http.Request) error {
	if _, err := queryOf(r); err != nil {
		return err
	}
	repository, err := s.repositoryByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	s.answer(w, r, RepositoryOf(repository, s.options.Now()))
	return nil
}

// reindex asks for a look at a repository. It answers before the work is done.
func (s *Server) reindex(w *response, r *http.Request) error {
	if _, err := queryOf(r); err != nil {
		return err
	}
	var request struct {
		Full bool `json:"full"`
	}
	if r.ContentLength != 0 {
		if err := readJSON(w, r, &request); err != nil {
			return err
		}
	}
	repository, err := s.repositoryByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if repository.State() == storage.StateRetired {
		return problemf(repositoryRetired, "repository %d is gone from its host or from the configuration and is not looked at any more: "+
			"bring it back there first", repository.ID)
	}
	err = s.options.Indexer.Reindex(r.Context(), repository.ID, request.Full)
	if errors.Is(err, storage.ErrNotFound) {
		return problemf(repositoryNotFound, "repository %d is not in the configuration that runs: GET /api/v1/repositories lists them", repository.ID)
	}
	if err != nil {
		return fmt.Errorf("reindex repository %d: %w", repository.ID, err)
	}
	writeBody(w, http.StatusAccepted, "application/json", encode(struct {
		Repository RepositoryRef `json:"repository"`
		Full       bool          `json:"full"`
	}{RepositoryRef{ID: repository.ID, Name: repository.Name}, request.Full}))
	return nil
}
