package gitea

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

// pullRequest is what is read of one.
type pullRequest struct {
	ID      int64  `json:"id"`
	Number  int64  `json:"number"`
	Title   string `json:"title"`
	Body    string `json:"body"`
	State   string `json:"state"`
	Merged  bool   `json:"merged"`
	HTMLURL string `json:"html_url"`
	User    struct {
		FullName string `json:"full_name"`
		Login    string `json:"login"`
	} `json:"user"`
	Head    branch    `json:"head"`
	Base    branch    `json:"base"`
	Created time.Time `json:"created_at"`
	Updated time.Time `json:"updated_at"`
}

// branch is one end of a pull request.
type branch struct {
	Label string `json:"label"`
	Ref   string `json:"ref"`
}

// name gives the branch's name. When the branch is deleted, as it is after many a merge, only the label still has it and the ref is
// refs/pull/N/head.
func (b branch) name() string {
	if strings.HasPrefix(b.Ref, "refs/pull/") && b.Label != "" {
		return b.Label
	}
	return b.Ref
}

func (p pullRequest) read() host.PullRequest {
	state := host.PullRequestOpen
	switch {
	case p.Merged:
		state = host.PullRequestMerged
	case p.State != "open":
		state = host.PullRequestDeclined
	}
	author := p.User.FullName
	if author == "" {
		author = p.User.Login
	}
	return host.PullRequest{
		ID: strconv.FormatInt(p.ID, 10), Number: p.Number, Title: p.Title, Description: p.Body,
		Source: p.Head.name(), Target: p.Base.name(), State: state, Author: author,
		Created: p.Created, Updated: p.Updated, WebURL: host.Web(p.HTMLURL),
	}
}

// PullRequests reads pages, the last changed first, until one is older than since.
func (h *Host) PullRequests(ctx context.Context, r host.Repository, since time.Time) ([]host.PullRequest, error) {
	query := url.Values{"state": {"all"}, "sort": {"recentupdate"}, "limit": {strconv.Itoa(pageSize(h.config))}}
	var all []host.PullRequest
	for page, err := range h.api.Pages(ctx, pulls(r)+"?"+query.Encode(), hostapi.LinkNext) {
		if err != nil {
			return nil, err
		}
		var some []pullRequest
		if err := page.Decode(&some); err != nil {
			return nil, err
		}
		for _, p := range some {
			if p.Updated.Before(since) {
				return all, nil
			}
			all = append(all, p.read())
		}
	}
	return all, nil
}

func pulls(r host.Repository) string { return "/repos/" + hostapi.Segments(r.Name) + "/pulls" }

// as gives the client for what a caller makes: with their token, or the integration's when they gave none.
func (h *Host) as(c host.Caller) *hostapi.Client {
	if c.IsZero() {
		return h.api
	}
	return h.api.As(authorize(hostapi.Constant(c.Token)))
}

// CreateBranch makes a branch at the tip of another.
func (h *Host) CreateBranch(ctx context.Context, r host.Repository, b host.NewBranch, c host.Caller) (host.Branch, error) {
	answer, err := h.as(c).Do(ctx, hostapi.Request{
		Method: http.MethodPost, Ref: "/repos/" + hostapi.Segments(r.Name) + "/branches",
		Body: map[string]string{"new_branch_name": b.Name, "old_ref_name": b.Base},
	})
	if err != nil {
		return host.Branch{}, err
	}
	var made struct {
		Commit struct {
			ID string `json:"id"`
		} `json:"commit"`
	}
	if err := answer.Decode(&made); err != nil {
		return host.Branch{}, err
	}
	return host.Branch{Name: b.Name, OID: made.Commit.ID, WebURL: r.WebURL + "/src/branch/" + hostapi.Segments(b.Name)}, nil
}

// CreatePullRequest makes a pull request within a repository.
func (h *Host) CreatePullRequest(ctx context.Context, r host.Repository, p host.NewPullRequest, c host.Caller) (host.PullRequest, error) {
	answer, err := h.as(c).Do(ctx, hostapi.Request{Method: http.MethodPost, Ref: pulls(r), Body: map[string]string{
		"title": p.Title, "body": p.Description, "head": p.Source, "base": p.Target,
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
