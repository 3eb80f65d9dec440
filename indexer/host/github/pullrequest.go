package github

import (
	"context"
	"net/http"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/forge"
	"keytrail/indexer/host/hostapi"
)

// PullRequests reads pages, the last changed first, until one is older than since.
func (h *Host) PullRequests(ctx context.Context, r host.Repository, since time.Time) ([]host.PullRequest, error) {
	api, err := h.account.client(ctx, r)
	if err != nil {
		return nil, err
	}
	return forge.PullRequests(ctx, api, r, "state=all&sort=updated&direction=desc&per_page="+pageSize(h.config), since)
}

// gitRef is what is read of a ref, a branch's here, which is at a commit.
type gitRef struct {
	Object struct {
		SHA string `json:"sha"`
	} `json:"object"`
}

// CreateBranch makes a branch at the tip of another.
func (h *Host) CreateBranch(ctx context.Context, r host.Repository, b host.NewBranch, c host.Caller) (host.Branch, error) {
	api, err := h.account.serving(ctx, r, c)
	if err != nil {
		return host.Branch{}, err
	}
	base, err := hostapi.Ask[gitRef](ctx, api, hostapi.Request{Ref: forge.RepositoryPath(r) + "/git/ref/heads/" + hostapi.Segments(b.Base)})
	if err != nil {
		return host.Branch{}, err
	}
	if base.Object.SHA == "" {
		return host.Branch{}, host.Problem(host.ErrAnswer, "the answer holds no base branch: look at the host, or at a proxy before it")
	}
	made, err := hostapi.Ask[gitRef](ctx, api, hostapi.Request{Method: http.MethodPost, Ref: forge.RepositoryPath(r) + "/git/refs", Body: map[string]string{
		"ref": "refs/heads/" + b.Name, "sha": base.Object.SHA,
	}})
	if err != nil {
		return host.Branch{}, err
	}
	return hostapi.ToldBranch(host.Branch{Name: b.Name, OID: made.Object.SHA, WebURL: r.WebURL + "/tree/" + hostapi.Segments(b.Name)})
}

// CreatePullRequest makes a pull request within a repository.
func (h *Host) CreatePullRequest(ctx context.Context, r host.Repository, p host.NewPullRequest, c host.Caller) (host.PullRequest, error) {
	api, err := h.account.serving(ctx, r, c)
	if err != nil {
		return host.PullRequest{}, err
	}
	proposal := forge.Proposal(p)
	proposal["draft"] = false
	return forge.CreatePullRequest(ctx, api, r, proposal)
}
