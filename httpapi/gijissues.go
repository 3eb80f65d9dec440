package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"keytrail/storage"
)

// gijIssueKeys is the issues of a commit.
type gijIssueKeys struct {
	gijDone
	IssueKeys []storage.IssueKey `json:"issueKeys"`
}

// gijCommitIssues answers the issues of a commit as one repository holds it.
func (s *Server) gijCommitIssues(w *response, r *http.Request) error {
	commit, err := s.namedCommit(r)
	if err != nil {
		return err
	}
	s.answer(w, r, gijIssueKeys{gijOK, commit.Keys})
	return nil
}

// gijHeldIssues answers the issues of a commit in whatever repositories hold it.
func (s *Server) gijHeldIssues(w *response, r *http.Request) error {
	ctx := r.Context()
	oid, err := fullSHA(r.PathValue("sha"))
	if err != nil {
		return err
	}
	who, names := accessOf(ctx), s.names()
	keys, isHeld := []storage.IssueKey{}, false
	for id, err := range s.options.Store.Holders(ctx, oid) {
		if err != nil {
			return fmt.Errorf("holders of %s: %w", oid, err)
		}
		if _, ok, err := names.of(ctx, id); err != nil || !ok {
			if err != nil {
				return err
			}
			continue
		}
		hit, err := s.options.Store.Commit(ctx, id, oid)
		if errors.Is(err, storage.ErrNotFound) {
			continue // it has been dropped since
		}
		if err != nil {
			return fmt.Errorf("commit %s of repository %d: %w", oid, id, err)
		}
		if who.hit(hit) == nil {
			isHeld = true
			keys = append(keys, who.keys(hit.Keys)...)
		}
	}
	if !isHeld {
		return problemf(commitNotFound, "no repository has commit %s: GET /api/v1/explain?sha= says more", oid)
	}
	slices.SortFunc(keys, storage.IssueKey.Compare)
	s.answer(w, r, gijIssueKeys{gijOK, slices.Compact(keys)})
	return nil
}

// gijEditIssues adds issues to a commit and drops others from it, by hand. It holds in every repository that has the commit.
func (s *Server) gijEditIssues(w *response, r *http.Request) error {
	var request struct {
		ChangeStrs []string `json:"changeStrs"`
	}
	if err := readLoose(w, r, &request); err != nil {
		return err
	}
	repository, hit, err := s.findCommit(r)
	if err != nil {
		return err
	}
	d := decider{server: s}
	d.by, _, _ = r.BasicAuth()
	for _, change := range request.ChangeStrs {
		what, key, _ := strings.Cut(strings.TrimSpace(change), ":")
		verdict, isKnown := map[string]storage.Verdict{"a": storage.VerdictAdd, "d": storage.VerdictDrop}[strings.ToLower(what)]
		if !isKnown {
			return problemf(badBody, "changeStrs has %s: want \"a:KAFKA-7\" to add an issue or \"d:KAFKA-7\" to drop one", quote(change))
		}
		if err := d.decide(r.Context(), verdict, strings.TrimSpace(key), hit.OID); err != nil {
			return err
		}
	}
	if _, err := d.carryOut(r.Context()); err != nil {
		return err
	}
	if hit, err = s.options.Store.Commit(r.Context(), repository.ID, hit.OID); err != nil {
		return fmt.Errorf("commit %s of repository %d: %w", hit.OID, repository.ID, err)
	}
	s.answer(w, r, gijIssueKeys{gijOK, list(accessOf(r.Context()).keys(hit.Keys))})
	return nil
}

// readLoose reads the JSON body of a request of a dialect. No body is an empty object; fields that are not known, and what type the
// body is said to be, do not matter: clients send more than is documented.
func readLoose(w *response, r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return bodyProblem(err)
	}
	w.limitBody(0)
	return nil
}
