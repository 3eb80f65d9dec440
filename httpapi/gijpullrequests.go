package httpapi

import (
	"cmp"
	"fmt"
	"net/http"

	"keytrail/storage"
)

// gijPullRequest is a pull request of an issue.
type gijPullRequest struct {
	ID            string        `json:"id"`
	Title         string        `json:"title"`
	Description   string        `json:"description,omitempty"`
	State         string        `json:"state"` // OPENED, MERGED or CLOSED
	URL           string        `json:"url"`
	BaseBranch    string        `json:"baseBranch"`    // the target
	CompareBranch string        `json:"compareBranch"` // the source
	Author        string        `json:"author,omitempty"`
	UpdatedDate   int64         `json:"updatedDate,omitempty"` // milliseconds since 1970
	Repository    RepositoryRef `json:"repository"`
}

// gijItems is a list as the dialect has it around pull requests.
type gijItems struct {
	Items []gijPullRequest `json:"items"`
}

// gijPullRequests answers the pull requests of an issue: those of GitLab as merge requests, all others as pull requests.
func (s *Server) gijPullRequests(w *response, r *http.Request) error {
	ctx := r.Context()
	key, err := s.key(ctx, r.PathValue("key"))
	if err != nil {
		return err
	}
	body := struct {
		gijDone
		MergeRequests gijItems `json:"mergeRequests"`
		PullRequests  gijItems `json:"pullRequests"`
	}{gijOK, gijItems{[]gijPullRequest{}}, gijItems{[]gijPullRequest{}}}
	names, types := s.names(), s.integrationTypes()
	for p, err := range s.options.Store.PullRequests(ctx, key) {
		if err != nil {
			return fmt.Errorf("pull requests of %s: %w", key, err)
		}
		in, ok, err := names.of(ctx, p.Repository)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		to := &body.PullRequests
		if types[in.repository.Integration] == "gitlab" {
			to = &body.MergeRequests
		}
		to.Items = append(to.Items, gijPullRequestOf(p, in))
	}
	s.answer(w, r, body)
	return nil
}

// gijPullRequestOf writes an open one as OPENED: that is what clients of the REST API read, though in the documented Java interface
// it is OPEN.
func gijPullRequestOf(p storage.PullRequest, in *shown) gijPullRequest {
	state := map[storage.PullRequestState]string{
		storage.PullRequestOpen: "OPENED", storage.PullRequestMerged: "MERGED", storage.PullRequestDeclined: "CLOSED",
	}[p.State]
	return gijPullRequest{
		ID: cmp.Or(number(p.Number), p.ID), Title: p.Title, Description: p.Description, State: state, URL: in.pullRequest(p).URL,
		BaseBranch: p.Target, CompareBranch: p.Source, Author: p.Author, UpdatedDate: milliseconds(p.Updated), Repository: in.RepositoryRef,
	}
}

// gijCreatePullRequest has the host of a repository make a pull request.
func (s *Server) gijCreatePullRequest(w *response, r *http.Request) error {
	var request struct {
		BaseBranch    string `json:"baseBranch"`
		CompareBranch string `json:"compareBranch"`
		Title         string `json:"title"`
		IssueKey      string `json:"issueKey"`
	}
	if err := readLoose(w, r, &request); err != nil {
		return err
	}
	repository, err := s.actedOn(r)
	if err != nil {
		return err
	}
	p := NewPullRequest{Title: request.Title, Source: request.CompareBranch, Target: request.BaseBranch}
	if request.IssueKey != "" {
		key, err := s.key(r.Context(), request.IssueKey)
		if err != nil {
			return err
		}
		p.Description = string(key)
	}
	made, err := s.makePullRequest(w, r, repository, p)
	if err != nil {
		return err
	}
	s.answerMade(w, struct {
		gijDone
		PullRequest gijPullRequest `json:"pullRequest"`
	}{gijOK, gijPullRequestOf(made, s.options.show(repository))})
	return nil
}
