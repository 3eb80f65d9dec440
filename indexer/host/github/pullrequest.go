package github

import (
	"context"
	"net/http"
	"strconv"
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
	HTMLURL string `json:"html_url"`
	User    struct {
		Login string `json:"login"`
	} `json:"user"`
	Head struct {
		Ref string `json:"ref"`
	} `json:"head"`
	Base struct {
		Ref string `json:"ref"`
	} `json:"base"`
	Created time.Time  `json:"created_at"`
	Updated time.Time  `json:"updated_at"`
	Merged  *time.Time `json:"merged_at"`
}

func (p pullRequest) read() host.PullRequest {
	state := host.PullRequestOpen
	switch {
	case p.State != "open" && p.Merged != nil:
		state = host.PullRequestMerged
	case p.State != "open":
		state = host.PullRequestDeclined
	}
	return host.PullRequest{
		ID: strconv.FormatInt(p.ID, 10), Number: p.Number, Title: p.Title, Description: p.Body,
		Source: p.Head.Ref, Target: p.Base.Ref, State: state, Author: p.User.Login,
		Created: p.Created, Updated: p.Updated, WebURL: host.Web(p.HTMLURL),
	}
}

// PullRequests reads pages, the last changed first, until one is older than since.
func (h *Host) PullRequests(ctx context.Context, r host.Repository, since time.Time) ([]host.PullRequest, error) {
	api, err := h.account.client(ctx, r)
	if err != nil {
		return nil, err
	}
	var all []host.PullRequest
	ref := withPageSize(h.config, "/repos/"+hostapi.Segments(r.Name)+"/pulls?state=all&sort=updated&direction=desc")
	for page, err := range api.Pages(ctx, ref, hostapi.LinkNext) {
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

// as gives the client for what a caller makes: with their token, or the integration's when they gave none.
func (h *Host) as(ctx context.Context, r host.Repository, c host.Caller) (*hostapi.Client, error) {
	api, err := h.account.client(ctx, r)
	if err != nil || c.IsZero() {
		return api, err
	}
	return api.As(hostapi.Bearer(hostapi.Constant(c.Token))), nil
}

// CreateBranch makes a branch at the tip of another.
func (h *Host) CreateBranch(ctx context.Context, r host.Repository, b host.NewBranch, c host.Caller) (host.Branch, error) {
	api, err := h.as(ctx, r, c)
	if err != nil {
		return host.Branch{}, err
	}
	repository := "/repos/" + hostapi.Segments(r.Name)
	answer, err := api.Get(ctx, repository+"/git/ref/heads/"+hostapi.Segments(b.Base))
	if err != nil {
		return host.Branch{}, err
	}
	var base struct {
		Object struct {
			SHA string `json:"sha"`
		} `json:"object"`
	}
	if err := answer.Decode(&base); err != nil {
		return host.Branch{}, err
	}
	_, err = api.Do(ctx, hostapi.Request{Method: http.MethodPost, Ref: repository + "/git/refs", Body: map[string]string{
		"ref": "refs/heads/" + b.Name, "sha": base.Object.SHA,
	}})
	if err != nil {
		return host.Branch{}, err
	}
	return host.Branch{Name: b.Name, OID: base.Object.SHA, WebURL: r.WebURL + "/tree/" + hostapi.Segments(b.Name)}, nil
}

// CreatePullRequest makes a pull request within a repository.
func (h *Host) CreatePullRequest(ctx context.Context, r host.Repository, p host.NewPullRequest, c host.Caller) (host.PullRequest, error) {
	api, err := h.as(ctx, r, c)
	if err != nil {
		return host.PullRequest{}, err
	}
	answer, err := api.Do(ctx, hostapi.Request{Method: http.MethodPost, Ref: "/repos/" + hostapi.Segments(r.Name) + "/pulls", Body: map[string]any{
		"title": p.Title, "head": p.Source, "base": p.Target, "body": p.Description, "draft": false,
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
