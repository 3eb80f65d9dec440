// Package forge is what Gitea has in common with GitHub, whose API it is made after: the JSON of pull requests, in forge.go, and of
// deliveries, in webhook.go.
package forge

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// PullRequest is what is read of one.
type PullRequest struct {
	ID      int64  `json:"id"`
	Number  int64  `json:"number"`
	Title   string `json:"title"`
	Body    string `json:"body"`
	State   string `json:"state"`
	HTMLURL string `json:"html_url"`
	User    struct {
		FullName string `json:"full_name"` // Gitea's
		Login    string `json:"login"`
	} `json:"user"`
	Head    Branch     `json:"head"`
	Base    Branch     `json:"base"`
	Created time.Time  `json:"created_at"`
	Updated time.Time  `json:"updated_at"`
	Merged  *time.Time `json:"merged_at"`
}

// Branch is one end of a pull request.
type Branch struct {
	Label string `json:"label"`
	Ref   string `json:"ref"`
}

// Name gives the branch's name. When the branch is deleted, as it is after many a merge, only the label of Gitea still has it and the
// ref is refs/pull/N/head.
func (b Branch) Name() string {
	if strings.HasPrefix(b.Ref, "refs/pull/") && b.Label != "" {
		return b.Label
	}
	return b.Ref
}

// Read gives the pull request as all hosts have it.
func (p PullRequest) Read() host.PullRequest {
	state := host.PullRequestOpen
	switch {
	case p.State != "open" && p.Merged != nil:
		state = host.PullRequestMerged
	case p.State != "open":
		state = host.PullRequestDeclined
	}
	return host.PullRequest{
		ID: strconv.FormatInt(p.ID, 10), Number: p.Number, Title: p.Title, Description: p.Body,
		Source: p.Head.Name(), Target: p.Base.Name(), State: state, Author: cmp.Or(p.User.FullName, p.User.Login),
		Created: p.Created, Updated: p.Updated, WebURL: host.Web(p.HTMLURL),
	}
}

// RepositoryPath is where the API has a repository.
func RepositoryPath(r host.Repository) string { return "/repos/" + hostapi.Segments(r.Name) }

// PullRequests reads pages, in the order of a query by which those that changed last are first, until one is older than since.
func PullRequests(ctx context.Context, api *hostapi.Client, r host.Repository, query string, since time.Time) ([]host.PullRequest, error) {
	return hostapi.PullRequests(ctx, api, RepositoryPath(r)+"/pulls?"+query, hostapi.LinkNext, PullRequest.Read, since)
}

// Proposal is what makes a pull request within a repository.
func Proposal(p host.NewPullRequest) map[string]any {
	return map[string]any{"title": p.Title, "body": p.Description, "head": p.Source, "base": p.Target}
}

// CreatePullRequest makes the pull request of a proposal, to which a host may have added.
func CreatePullRequest(ctx context.Context, api *hostapi.Client, r host.Repository, proposal map[string]any) (host.PullRequest, error) {
	made, err := hostapi.Ask[PullRequest](ctx, api, hostapi.Request{Method: http.MethodPost, Ref: RepositoryPath(r) + "/pulls", Body: proposal})
	if err != nil {
		return host.PullRequest{}, err
	}
	return hostapi.Told(made.Read())
}
