package gitea

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/forge"
	"keytrail/indexer/host/hostapi"
)

// PullRequests reads pages, the last changed first, until one is older than since.
func (h *Host) PullRequests(ctx context.Context, r host.Repository, since time.Time) ([]host.PullRequest, error) {
	query := url.Values{"state": {"all"}, "sort": {"recentupdate"}, "limit": {pageSize(h.config)}}
	return forge.PullRequests(ctx, h.api, r, query.Encode(), since)
}

// CreateBranch makes a branch at the tip of another.
func (h *Host) CreateBranch(ctx context.Context, r host.Repository, b host.NewBranch, c host.Caller) (host.Branch, error) {
	made, err := hostapi.Ask[struct {
		Commit struct {
			ID string `json:"id"`
		} `json:"commit"`
	}](ctx, h.api.For(c, authorize), hostapi.Request{
		Method: http.MethodPost, Ref: forge.RepositoryPath(r) + "/branches",
		Body: map[string]string{"new_branch_name": b.Name, "old_ref_name": b.Base},
	})
	if err != nil {
		return host.Branch{}, err
	}
	return hostapi.ToldBranch(host.Branch{Name: b.Name, OID: made.Commit.ID, WebURL: r.WebURL + "/src/branch/" + hostapi.Segments(b.Name)})
}

// CreatePullRequest makes a pull request within a repository.
func (h *Host) CreatePullRequest(ctx context.Context, r host.Repository, p host.NewPullRequest, c host.Caller) (host.PullRequest, error) {
	return forge.CreatePullRequest(ctx, h.api.For(c, authorize), r, forge.Proposal(p))
}
