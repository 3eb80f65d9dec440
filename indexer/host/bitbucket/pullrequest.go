package bitbucket

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

const (
	branchPrefix = "refs/heads/"
	isOpen       = "OPEN"
)

// pullRequest is what is read of one. Times are milliseconds since 1970.
type pullRequest struct {
	ID          int64  `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	State       string `json:"state"` // isOpen, "MERGED" or "DECLINED"
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

func (p pullRequest) updated() time.Time { return time.UnixMilli(p.Updated).UTC() }

func (p pullRequest) read() host.PullRequest {
	read := host.PullRequest{
		ID: strconv.FormatInt(p.ID, 10), Number: p.ID, Title: p.Title, Description: p.Description,
		Source: strings.TrimPrefix(p.From.ID, branchPrefix), Target: strings.TrimPrefix(p.To.ID, branchPrefix),
		State: host.StateOf(p.State, "MERGED", "DECLINED"), Author: p.Author.User.DisplayName,
		Created: time.UnixMilli(p.Created).UTC(), Updated: p.updated(),
	}
	for _, link := range p.Links.Self {
		read.WebURL = host.Web(link.Href)
	}
	return read
}

// pullsPath is where the API has a repository's pull requests.
func pullsPath(r host.Repository) string { return repositoryPath(r) + "/pull-requests" }

// repositoryPath is where the API has a repository.
func repositoryPath(r host.Repository) string {
	project, slug, _ := strings.Cut(r.Name, "/")
	return hostapi.Path("/projects/%s/repos/%s", project, slug)
}

// CreateBranch makes a branch at the tip of another.
func (h *Host) CreateBranch(ctx context.Context, r host.Repository, b host.NewBranch, c host.Caller) (host.Branch, error) {
	made, err := hostapi.Ask[struct {
		LatestCommit string `json:"latestCommit"`
	}](ctx, h.api.For(c, hostapi.Bearer), hostapi.Request{Method: http.MethodPost, Ref: repositoryPath(r) + "/branches", Body: map[string]string{
		"name": b.Name, "startPoint": branchPrefix + b.Base,
	}})
	if err != nil {
		return host.Branch{}, err
	}
	branch := host.Branch{Name: b.Name, OID: made.LatestCommit}
	if r.WebURL != "" {
		branch.WebURL = strings.TrimSuffix(r.WebURL, "/browse") + "/browse?at=" + url.QueryEscape(branchPrefix+b.Name)
	}
	return hostapi.ToldBranch(branch)
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
	made, err := hostapi.Ask[pullRequest](ctx, h.api.For(c, hostapi.Bearer), hostapi.Request{
		Method: http.MethodPost, Ref: pullsPath(r),
		Body: map[string]any{"title": p.Title, "description": p.Description, "fromRef": end(p.Source), "toRef": end(p.Target)},
	})
	if err != nil {
		return host.PullRequest{}, err
	}
	return hostapi.Told(made.read())
}
