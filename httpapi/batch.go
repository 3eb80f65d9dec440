package httpapi

import (
	"net/http"

	"keytrail/storage"
)

// Limits of one batch. Its answer is made in memory.
const (
	maxBatchKeys    = 500
	maxBatchCommits = maxBatchKeys * defaultLimit
)

// batchRequest is the body of POST /api/v1/issues/commits.
type batchRequest struct {
	Keys        []string `json:"keys"`
	Limit       *int     `json:"limit"`       // commits of each key
	Files       bool     `json:"files"`       // of each commit
	Containment *bool    `json:"containment"` // which branches and tags contain each; nil: tell
}

// batch answers the first page of many issues, in the order they were asked for. Their cursors continue at the
// route of each issue.
func (s *Server) batch(w *response, r *http.Request) error {
	if _, err := queryOf(r); err != nil {
		return err
	}
	var request batchRequest
	if err := readJSON(w, r, &request); err != nil {
		return err
	}
	limit, err := request.check()
	if err != nil {
		return err
	}
	keys := make([]storage.IssueKey, len(request.Keys))
	for i, text := range request.Keys {
		if keys[i], err = s.key(r.Context(), text); err != nil {
			return err
		}
	}
	names, plain := s.names(), request.Containment != nil && !*request.Containment
	issues := make([]Commits, len(keys))
	for i, key := range keys {
		if issues[i], err = s.page(r.Context(), storage.CommitQuery{Key: key, Limit: limit, Plain: plain}, names); err != nil {
			return err
		}
	}
	if request.Files {
		if err := s.addFiles(r.Context(), pointers(issues...), maxListedFiles); err != nil {
			return err
		}
	}
	s.answer(w, r, batchAnswer{issues})
	return nil
}

type batchAnswer struct {
	Issues []Commits `json:"issues"`
}

func (a batchAnswer) appendJSON(b []byte) []byte {
	b = appendList(append(b, `{"issues":`...), a.Issues, func(b []byte, c Commits) []byte { return c.appendJSON(b) })
	return append(b, '}')
}

// check gives the limit of commits for each key.
func (b batchRequest) check() (limit int, err error) {
	limit = defaultLimit
	if b.Limit != nil {
		limit = *b.Limit
	}
	switch {
	case len(b.Keys) == 0:
		return 0, problemf(badBody, "the field \"keys\" is missing or empty: name at least one issue key")
	case len(b.Keys) > maxBatchKeys:
		return 0, problemf(badBody, "%d keys are too many: ask for at most %d at once", len(b.Keys), maxBatchKeys)
	case limit < 1 || limit > storage.MaxLimit:
		return 0, problemf(badBody, "limit %d: want a number from 1 to %d", limit, storage.MaxLimit)
	case len(b.Keys)*limit > maxBatchCommits:
		return 0, problemf(badBody, "%d keys of %d commits each are too many: keys times limit may be %d", len(b.Keys), limit, maxBatchCommits)
	case b.Files && len(b.Keys)*limit > maxBatchFiles:
		return 0, problemf(badBody, "%d keys of %d commits each are too many with their files: keys times limit may be %d", len(b.Keys), limit, maxBatchFiles)
	}
	return limit, nil
}
