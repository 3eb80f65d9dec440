package gitlab

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// mergeRequest is what is read of one.
type mergeRequest struct {
	ID           int64  `json:"id"`
	IID          int64  `json:"iid"`
	Title        string `json:"title"`
	Description  string `json:"description"`
	State        string `json:"state"`
	SourceBranch string `json:"source_branch"`
	TargetBranch string `json:"target_branch"`
	WebURL       string `json:"web_url"`
	Author       struct {
		Name     string `json:"name"`
		Username string `json:"username"`
	} `json:"author"`
	Created time.Time `json:"created_at"`
	Updated time.Time `json:"updated_at"`
}

// read gives the pull request. One that is locked is being merged.
func (m mergeRequest) read() host.PullRequest {
	state := host.PullRequestOpen
	switch m.State {
	case "merged":
		state = host.PullRequestMerged
	case "closed":
		state = host.PullRequestDeclined
	}
	author := m.Author.Name
	if author == "" {
		author = m.Author.Username
	}
	return host.PullRequest{
		ID: strconv.FormatInt(m.ID, 10), Number: m.IID, Title: m.Title, Description: m.Description,
		Source: m.SourceBranch, Target: m.TargetBranch, State: state, Author: author,
		Created: m.Created, Updated: m.Updated, WebURL: host.Web(m.WebURL),
	}
}

// PullRequests lets the host leave out those that are older than since.
func (h *Host) PullRequests(ctx context.Context, r host.Repository, since time.Time) ([]host.PullRequest, error) {
	query := url.Values{
		"state": {"all"}, "order_by": {"updated_at"}, "sort": {"desc"}, "per_page": {strconv.Itoa(pageSize(h.config))},
	}
	if !since.IsZero() {
		query.Set("updated_after", since.UTC().Format(time.RFC3339Nano))
	}
	var all []host.PullRequest
	first := hostapi.Path("/projects/%s/merge_requests", r.ID) + "?" + query.Encode()
	for page, err := range h.api.Pages(ctx, first, nextAfter(first)) {
		if err != nil {
			return nil, err
		}
		var some []mergeRequest
		if err := page.Decode(&some); err != nil {
			return nil, err
		}
		for _, m := range some {
			all = append(all, m.read())
		}
	}
	return all, nil
}

// as gives the client for what a caller makes: with their token, or the integration's when they gave none.
func (h *Host) as(c host.Caller) *hostapi.Client {
	if c.IsZero() {
		return h.api
	}
	return h.api.As(hostapi.Bearer(hostapi.Constant(c.Token)))
}

// CreateBranch makes a branch at the tip of another.
func (h *Host) CreateBranch(ctx context.Context, r host.Repository, b host.NewBranch, c host.Caller) (host.Branch, error) {
	answer, err := h.as(c).Do(ctx, hostapi.Request{
		Method: http.MethodPost,
		Ref:    hostapi.Path("/projects/%s/repository/branches", r.ID) + "?" + url.Values{"branch": {b.Name}, "ref": {b.Base}}.Encode(),
	})
	if err != nil {
		return host.Branch{}, err
	}
	var made struct {
		Commit struct {
			ID string `json:"id"`
		} `json:"commit"`
		WebURL string `json:"web_url"`
	}
	if err := answer.Decode(&made); err != nil {
		return host.Branch{}, err
	}
	return host.Branch{Name: b.Name, OID: made.Commit.ID, WebURL: host.Web(made.WebURL)}, nil
}

// CreatePullRequest makes a merge request within a repository. Whether its source branch goes with the merge is left to the
// project's own setting.
func (h *Host) CreatePullRequest(ctx context.Context, r host.Repository, p host.NewPullRequest, c host.Caller) (host.PullRequest, error) {
	answer, err := h.as(c).Do(ctx, hostapi.Request{
		Method: http.MethodPost, Ref: hostapi.Path("/projects/%s/merge_requests", r.ID), Body: map[string]any{
			"source_branch": p.Source, "target_branch": p.Target, "title": p.Title, "description": p.Description,
		},
	})
	if err != nil {
		return host.PullRequest{}, err
	}
	var made mergeRequest
	if err := answer.Decode(&made); err != nil {
		return host.PullRequest{}, err
	}
	return made.read(), nil
}
