package gitlab

import (
	"cmp"
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
	return host.PullRequest{
		ID: strconv.FormatInt(m.ID, 10), Number: m.IID, Title: m.Title, Description: m.Description,
		Source: m.SourceBranch, Target: m.TargetBranch, State: host.StateOf(m.State, "merged", "closed"), Author: cmp.Or(m.Author.Name, m.Author.Username),
		Created: m.Created, Updated: m.Updated, WebURL: host.Web(m.WebURL),
	}
}

// PullRequests lets the host leave out those that are older than since, and gives the last changed first.
func (h *Host) PullRequests(ctx context.Context, r host.Repository, since time.Time) ([]host.PullRequest, error) {
	query := url.Values{
		"state": {"all"}, "order_by": {"updated_at"}, "sort": {"desc"}, "per_page": {pageSize(h.config)},
	}
	if !since.IsZero() {
		query.Set("updated_after", since.UTC().Format(time.RFC3339Nano))
	}
	first := hostapi.Path("/projects/%s/merge_requests", r.ID) + "?" + query.Encode()
	return hostapi.PullRequests(ctx, h.api, first, nextAfter(first), mergeRequest.read, since)
}

// CreateBranch makes a branch at the tip of another.
func (h *Host) CreateBranch(ctx context.Context, r host.Repository, b host.NewBranch, c host.Caller) (host.Branch, error) {
	made, err := hostapi.Ask[struct {
		Commit struct {
			ID string `json:"id"`
		} `json:"commit"`
		WebURL string `json:"web_url"`
	}](ctx, h.api.For(c, hostapi.Bearer), hostapi.Request{
		Method: http.MethodPost,
		Ref:    hostapi.Path("/projects/%s/repository/branches", r.ID) + "?" + url.Values{"branch": {b.Name}, "ref": {b.Base}}.Encode(),
	})
	if err != nil {
		return host.Branch{}, err
	}
	return hostapi.ToldBranch(host.Branch{Name: b.Name, OID: made.Commit.ID, WebURL: host.Web(made.WebURL)})
}

// CreatePullRequest makes a merge request within a repository. Whether its source branch goes with the merge is left to the
// project's own setting.
func (h *Host) CreatePullRequest(ctx context.Context, r host.Repository, p host.NewPullRequest, c host.Caller) (host.PullRequest, error) {
	made, err := hostapi.Ask[mergeRequest](ctx, h.api.For(c, hostapi.Bearer), hostapi.Request{
		Method: http.MethodPost, Ref: hostapi.Path("/projects/%s/merge_requests", r.ID), Body: map[string]any{
			"source_branch": p.Source, "target_branch": p.Target, "title": p.Title, "description": p.Description,
		},
	})
	if err != nil {
		return host.PullRequest{}, err
	}
	return hostapi.Told(made.read())
}
