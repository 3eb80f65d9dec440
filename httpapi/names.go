package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"keytrail/storage"
)

// names remembers the names and links of repositories while one request is answered.
type names struct {
	options *Options
	last    *shown                          // most issues are of one repository
	known   map[storage.RepositoryID]*shown // nil: one that is not named
}

func (s *Server) names() *names { return &names{options: &s.options} }

// of names a repository. It reports false for one that was forgotten since the answer was read, when what the answer says of it
// has gone too, and for one that the request's token does not open.
func (n *names) of(ctx context.Context, id storage.RepositoryID) (in *shown, ok bool, err error) {
	if n.last != nil && id == n.last.ID {
		return n.last, true, nil
	}
	in, ok = n.known[id]
	if ok && in == nil {
		return nil, false, nil
	}
	if !ok {
		r, err := n.options.Store.Repository(ctx, id)
		if errors.Is(err, storage.ErrNotFound) || err == nil && accessOf(ctx).repository(r) != nil {
			n.remember(id, nil)
			return nil, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("repository %d: %w", id, err)
		}
		in = n.options.show(r)
	}
	if n.last != nil {
		n.remember(n.last.ID, n.last)
	}
	n.last = in
	return in, true, nil
}

func (n *names) remember(id storage.RepositoryID, in *shown) {
	if n.known == nil {
		n.known = map[storage.RepositoryID]*shown{}
	}
	n.known[id] = in
}

// repositoryByID reads the number of a repository and finds it, if the request's token opens it.
func (s *Server) repositoryByID(ctx context.Context, text string) (storage.Repository, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return storage.Repository{}, problemf(badParameter, "repository %s: want its number, as GET /api/v1/repositories lists it", quote(text))
	}
	r, err := s.options.Store.Repository(ctx, storage.RepositoryID(n))
	if errors.Is(err, storage.ErrNotFound) {
		return r, repositoryProblem(strconv.FormatUint(n, 10))
	}
	if err != nil {
		return r, fmt.Errorf("repository %d: %w", n, err)
	}
	return r, accessOf(ctx).repository(r)
}

// repositoryProblem says that there is no repository of a number or name, or none that the request's token opens.
func repositoryProblem(name string) error {
	return problemf(repositoryNotFound, "there is no repository %s: GET /api/v1/repositories lists them", name)
}

// repositoryByName finds a repository by its number or its name, among those that the request's token opens. All digits are a number.
func (s *Server) repositoryByName(ctx context.Context, text string) (storage.Repository, error) {
	if _, err := strconv.ParseUint(text, 10, 32); err == nil {
		return s.repositoryByID(ctx, text)
	}
	var found []storage.Repository
	for r, err := range s.options.Store.Repositories(ctx) {
		if err != nil {
			return r, fmt.Errorf("repositories: %w", err)
		}
		if r.Name == text && accessOf(ctx).repository(r) == nil {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return storage.Repository{}, repositoryProblem(quote(text))
	case 1:
		return found[0], nil
	}
	return storage.Repository{}, problemf(badParameter, "%d repositories are named %s: give the number of the one you mean, as %d or %d",
		len(found), quote(text), found[0].ID, found[1].ID)
}
