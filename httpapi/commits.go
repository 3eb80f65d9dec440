package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"keytrail/storage"
)

func (s *Server) commit(w *response, r *http.Request) error {
	commit, p, err := s.readCommit(r, "files")
	if err != nil {
		return err
	}
	withFiles, err := p.files()
	if err != nil {
		return err
	}
	if commit.Decided, err = s.decisions(r.Context(), commit.SHA); err != nil {
		return err
	}
	if withFiles {
		if err := s.addFiles(r.Context(), []*Commit{&commit}, defaultDiffFiles); err != nil {
			return err
		}
	}
	s.answer(w, r, &commit)
	return nil
}

func (s *Server) commitIssues(w *response, r *http.Request) error {
	commit, _, err := s.readCommit(r)
	if err != nil {
		return err
	}
	decided, err := s.decisions(r.Context(), commit.SHA)
	if err != nil {
		return err
	}
	s.answer(w, r, struct {
		SHA        storage.OID        `json:"sha"`
		Repository RepositoryRef      `json:"repository"`
		Keys       []storage.IssueKey `json:"keys"`
		Decided    []Association      `json:"decided"`
	}{commit.SHA, commit.Repository, commit.Keys, decided})
	return nil
}

// readCommit reads the commit that the path names, and the query, which may have the parameters known.
func (s *Server) readCommit(r *http.Request, known ...string) (Commit, params, error) {
	p, err := queryOf(r, known...)
	if err != nil {
		return Commit{}, nil, err
	}
	commit, err := s.namedCommit(r)
	return commit, p, err
}

// namedCommit reads the commit that the path names, if the request's token opens one of its keys.
func (s *Server) namedCommit(r *http.Request) (Commit, error) {
	repository, hit, err := s.findCommit(r)
	if err != nil {
		return Commit{}, err
	}
	if err := accessOf(r.Context()).hit(hit); err != nil {
		return Commit{}, err
	}
	hit.Keys = accessOf(r.Context()).keys(hit.Keys)
	return s.options.show(repository).commit(hit), nil
}

// findCommit finds the commit that the path names, whatever its keys.
func (s *Server) findCommit(r *http.Request) (storage.Repository, storage.Hit, error) {
	oid, err := fullSHA(r.PathValue("sha"))
	if err != nil {
		return storage.Repository{}, storage.Hit{}, err
	}
	repository, err := s.repositoryByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return repository, storage.Hit{}, err
	}
	hit, err := s.options.Store.Commit(r.Context(), repository.ID, oid)
	if errors.Is(err, storage.ErrNotFound) {
		return repository, hit, commitProblem(repository.ID, oid)
	}
	if err != nil {
		return repository, hit, fmt.Errorf("commit %s of repository %d: %w", oid, repository.ID, err)
	}
	return repository, hit, nil
}

// commitProblem says that a repository has no such commit, or none that the request's token opens.
func commitProblem(id storage.RepositoryID, oid storage.OID) error {
	return problemf(commitNotFound, "no ref of repository %d reaches commit %s: GET /api/v1/explain?sha= says more", id, oid)
}

// fullSHA reads a commit id. Short ones are refused, because what they mean changes with each fetch.
func fullSHA(text string) (storage.OID, error) {
	oid, err := storage.ParseOID(text)
	if err != nil {
		return oid, problemf(badSHA, "commit %s: give all 40 hexadecimal digits of its id, as git rev-parse prints them", quote(text))
	}
	return oid, nil
}
