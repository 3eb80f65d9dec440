package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"keytrail/storage"
)

// PullRequest is a pull request as its host told of it last.
type PullRequest struct {
	Repository RepositoryRef            `json:"repository"`
	ID         string                   `json:"id"` // the host's own
	Number     int64                    `json:"number"`
	Title      string                   `json:"title"`
	Source     string                   `json:"source"` // branch
	Target     string                   `json:"target"`
	State      storage.PullRequestState `json:"state"`
	Author     string                   `json:"author,omitempty"`
	Created    *time.Time               `json:"created,omitempty"`
	Updated    *time.Time               `json:"updated,omitempty"`
	URL        string                   `json:"url,omitempty"` // for people
	Keys       []storage.IssueKey       `json:"keys"`
}

// PullRequestOf gives the JSON form of a pull request.
func PullRequestOf(p storage.PullRequest, in RepositoryRef) PullRequest {
	return PullRequest{
		Repository: in, ID: p.ID, Number: p.Number, Title: p.Title, Source: p.Source, Target: p.Target, State: p.State,
		Author: p.Author, Created: known(p.Created), Updated: known(p.Updated), URL: p.WebURL, Keys: list(p.Keys),
	}
}

// issuePullRequests answers all pull requests of an issue, the last changed first.
func (s *Server) issuePullRequests(w *response, r *http.Request) error {
	key, err := s.keyAlone(r)
	if err != nil {
		return err
	}
	body := struct {
		Key          storage.IssueKey `json:"key"`
		PullRequests []PullRequest    `json:"pull_requests"`
	}{key, []PullRequest{}}
	names := s.names()
	for p, err := range s.options.Store.PullRequests(r.Context(), key) {
		if err != nil {
			return fmt.Errorf("pull requests of %s: %w", key, err)
		}
		if body.PullRequests, err = appendPull(r.Context(), body.PullRequests, p, names); err != nil {
			return err
		}
	}
	s.answer(w, r, body)
	return nil
}

// pullsOf gives the JSON form of pull requests, in their order.
func pullsOf(ctx context.Context, pulls []storage.PullRequest, names *names) ([]PullRequest, error) {
	answer := make([]PullRequest, 0, len(pulls))
	var err error
	for _, p := range pulls {
		if answer, err = appendPull(ctx, answer, p, names); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

func appendPull(ctx context.Context, to []PullRequest, p storage.PullRequest, names *names) ([]PullRequest, error) {
	in, ok, err := names.of(ctx, p.Repository)
	if ok {
		p.Keys = accessOf(ctx).keys(p.Keys)
		to = append(to, in.pullRequest(p))
	}
	return to, err
}
