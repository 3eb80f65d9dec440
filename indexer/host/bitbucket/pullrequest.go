package bitbucket

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

const branchPrefix = "refs/heads/"

// pullRequest is what is read of one. Times are milliseconds since 1970.
type pullRequest struct {
	ID          int64  `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	State       string `json:"state"`
	Created     int64  `json:"createdDate"`
	Updated     int64  `json:"updatedDate"`
	From        ref    `json:"fromRef"`
	To          ref    `json:"toRef"`
	Author      struct {
		User struct {
			DisplayName string `json:"displayName"`
		} `json:"user"`
	} `json:"author"`
	Links links `json:"links"`
}

type ref struct {
	ID         string     `json:"id"`
	Repository repository `json:"repository"`
}

func (p pullRequest) read() host.PullRequest {
	state := host.PullRequestOpen
	switch p.State {
	case "MERGED":
		state = host.PullRequestMerged
	case "DECLINED":
		state = host.PullRequestDeclined
	}
	read := host.PullRequest{
		ID: strconv.FormatInt(p.ID, 10), Number: p.ID, Title: p.Title, Description: p.Description,
		Source: strings.TrimPrefix(p.From.ID, branchPrefix), Target: strings.TrimPrefix(p.To.ID, branchPrefix),
		State: state, Author: p.Author.User.DisplayName,
		Created: time.UnixMilli(p.Created).UTC(), Updated: time.UnixMilli(p.Updated).UTC(),
	}
	for _, link := range p.Links.Self {
		read.WebURL = host.Web(link.Href)
	}
	return read
}

// repositoryPath is where the API has a repository.
func repositoryPath(r host.Repository) string {
	project, slug, _ := strings.Cut(r.Name, "/")
	return hostapi.Path("/projects/%s/repos/%s", project, slug)
}

// PullRequests reads all pages: the API has no order of which its documentation says that it is that of the last change.
func (h *Host) PullRequests(ctx context.Context, r host.Repository, since time.Time) ([]host.PullRequest, error) {
	var all []host.PullRequest
	path := withPageSize(h.config, repositoryPath(r)+"/pull-requests?state=ALL&withAttributes=false&withProperties=false")
	for page, err := range h.api.Pages(ctx, path, nextStart(path)) {
		if err != nil {
			return nil, err
		}
		var some struct {
			Values []pullRequest `json:"values"`
		}
		if err := page.Decode(&some); err != nil {
			return nil, err
		}
		for _, p := range some.Values {
			if read := p.read(); !read.Updated.Before(since) {
				all = append(all, read)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b host.PullRequest) int { return b.Updated.Compare(a.Updated) })
	return all, nil
}

// as gives the client for what a caller makes: with their token, or the integration's credentials when they gave none.
func (h *Host) as(c host.Caller) *hostapi.Client {
	if c.IsZero() {
		return h.api
	}
	return h.api.As(hostapi.Bearer(hostapi.Constant(c.Token)))
}

// CreateBranch makes a branch at the tip of another.
func (h *Host) CreateBranch(ctx context.Context, r host.Repository, b host.NewBranch, c host.Caller) (host.Branch, error) {
	answer, err := h.as(c).Do(ctx, hostapi.Request{Method: http.MethodPost, Ref: repositoryPath(r) + "/branches", Body: map[string]string{
		"name": b.Name, "startPoint": branchPrefix + b.Base,
	}})
	if err != nil {
		return host.Branch{}, err
	}
	var made struct {
		LatestCommit string `json:"latestCommit"`
	}
	if err := answer.Decode(&made); err != nil {
		return host.Branch{}, err
	}
	branch := host.Branch{Name: b.Name, OID: made.LatestCommit}
	if r.WebURL != "" {
		branch.WebURL = strings.TrimSuffix(r.WebURL, "/browse") + "/browse?at=" + url.QueryEscape(branchPrefix+b.Name)
	}
	return branch, nil
}

// CreatePullRequest makes a pull request within a repository.
func (h *Host) CreatePullRequest(ctx context.Context, r host.Repository, p host.NewPullRequest, c host.Caller) (host.PullRequest, error) {
	project, slug, _ := strings.Cut(r.Name, "/")
	end := func(branch string) map[string]any {
		return map[string]any{
			"id":         branchPrefix + branch,
			"repository": map[string]any{"slug": slug, "project": map[string]string{"key": project}},
		}
	}
	answer, err := h.as(c).Do(ctx, hostapi.Request{Method: http.MethodPost, Ref: repositoryPath(r) + "/pull-requests", Body: map[string]any{
		"title": p.Title, "description": p.Description, "fromRef": end(p.Source), "toRef": end(p.Target),
	}})
	if err != nil {
		return host.PullRequest{}, err
	}
	var made pullRequest
	if err := answer.Decode(&made); err != nil {
		return host.PullRequest{}, err
	}
	return made.read(), nil
}
