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
	s.answer(w, r, struct {
		SHA        storage.OID        `json:"sha"`
		Repository RepositoryRef      `json:"repository"`
		Keys       []storage.IssueKey `json:"keys"`
	}{commit.SHA, commit.Repository, commit.Keys})
	return nil
}

// readCommit reads the commit that the path names, and the query, which may have the parameters known.
func (s *Server) readCommit(r *http.Request, known ...string) (Commit, params, error) {
	p, err := queryOf(r, known...)
	if err != nil {
		return Commit{}, nil, err
	}
	oid, err := fullSHA(r.PathValue("sha"))
	if err != nil {
		return Commit{}, nil, err
	}
	repository, err := s.repositoryByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return Commit{}, nil, err
	}
	hit, err := s.options.Store.Commit(r.Context(), repository.ID, oid)
	if errors.Is(err, storage.ErrNotFound) {
		return Commit{}, nil, problemf(commitNotFound, "no ref of repository %d reaches commit %s: GET /api/v1/explain?sha= says more", repository.ID, oid)
	}
	if err != nil {
		return Commit{}, nil, fmt.Errorf("commit %s of repository %d: %w", oid, repository.ID, err)
	}
	return s.options.show(repository).commit(hit), p, nil
}

// fullSHA reads a commit id. Short ones are refused, because what they mean changes with each fetch.
func fullSHA(text string) (storage.OID, error) {
	oid, err := storage.ParseOID(text)
	if err != nil {
		return oid, problemf(badSHA, "commit %s: give all 40 hexadecimal digits of its id, as git rev-parse prints them", quote(text))
	}
	return oid, nil
}
