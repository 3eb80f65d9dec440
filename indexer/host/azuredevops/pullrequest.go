package azuredevops

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// cut is where lists end a description, in UTF-16 units.
const cut = 400

// pullRequest is what is read of one.
type pullRequest struct {
	Number      int64  `json:"pullRequestId"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Status      string `json:"status"` // active, completed, abandoned
	Source      string `json:"sourceRefName"`
	Target      string `json:"targetRefName"`
	CreatedBy   struct {
		DisplayName string `json:"displayName"`
	} `json:"createdBy"`
	Created time.Time  `json:"creationDate"`
	Closed  *time.Time `json:"closedDate"`
}

// updated is when it was made or closed: the host tells of no change between them.
func (p pullRequest) updated() time.Time {
	if p.Closed != nil {
		return *p.Closed
	}
	return p.Created
}

func (p pullRequest) read(r host.Repository) host.PullRequest {
	number := strconv.FormatInt(p.Number, 10)
	return host.PullRequest{
		ID: number, Number: p.Number, Title: p.Title, Description: p.Description,
		Source: strings.TrimPrefix(p.Source, heads), Target: strings.TrimPrefix(p.Target, heads), State: host.StateOf(p.Status, "completed", "abandoned"),
		Author: p.CreatedBy.DisplayName, Created: p.Created, Updated: p.updated(), WebURL: r.WebURL + "/pullrequest/" + number,
	}
}

// PullRequests gives all, or those that are active, which may have changed at any time, and those that were closed since.
func (h *Host) PullRequests(ctx context.Context, r host.Repository, since time.Time) ([]host.PullRequest, error) {
	api := h.api.InBackground()
	found, err := h.search(ctx, api, r, since)
	if err != nil {
		return nil, err
	}
	all := make([]host.PullRequest, 0, len(found))
	for _, p := range found {
		if p.Closed != nil && p.Closed.Before(since) {
			continue // an old Server does not know the time of a search
		}
		if len(utf16.Encode([]rune(p.Description))) >= cut {
			if p, err = h.whole(ctx, api, r, p.Number); err != nil {
				return nil, err
			}
		}
		all = append(all, p.read(r))
	}
	slices.SortStableFunc(all, func(a, b host.PullRequest) int {
		return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(b.Number, a.Number))
	})
	return all, nil
}

// search gives each once. One that is closed between the two lists is in both, and the second is right.
func (h *Host) search(ctx context.Context, api *hostapi.Client, r host.Repository, since time.Time) (map[int64]pullRequest, error) {
	queries := [][]string{{"searchCriteria.status", "all"}}
	if !since.IsZero() {
		queries = [][]string{
			{"searchCriteria.status", "active"},
			{"searchCriteria.status", "all", "searchCriteria.queryTimeRangeType", "closed", "searchCriteria.minTime", since.UTC().Format(time.RFC3339)},
		}
	}
	found := map[int64]pullRequest{}
	for _, query := range queries {
		some, err := list[pullRequest](ctx, h, api, h.site.repository(r)+"/pullrequests", "", query...)
		if err != nil {
			return nil, err
		}
		for _, p := range some {
			found[p.Number] = p
		}
	}
	return found, nil
}

// whole reads one by itself, which gives all of its description.
func (h *Host) whole(ctx context.Context, api *hostapi.Client, r host.Repository, number int64) (pullRequest, error) {
	ref := h.site.repository(r) + "/pullrequests/" + strconv.FormatInt(number, 10)
	return negotiated(h, func(version string) (pullRequest, error) {
		return decoded(api.Get(ctx, versioned(ref, version)))
	})
}

// decoded reads the answer that is one pull request.
func decoded(answer hostapi.Answer, err error) (pullRequest, error) {
	var p pullRequest
	if err != nil {
		return p, err
	}
	if err := answer.Decode(&p); err != nil {
		return p, err
	}
	if p.Number == 0 {
		return p, host.Problem(host.ErrAnswer, "an answer is not the pull request that the host documents: look at the host")
	}
	return p, nil
}

// CreatePullRequest makes a pull request within a repository.
func (h *Host) CreatePullRequest(ctx context.Context, r host.Repository, p host.NewPullRequest, c host.Caller) (host.PullRequest, error) {
	api := h.as(c)
	made, err := negotiated(h, func(version string) (pullRequest, error) {
		return decoded(api.Do(ctx, hostapi.Request{
			Method: http.MethodPost, Ref: versioned(h.site.repository(r)+"/pullrequests", version),
			Body: map[string]any{
				"sourceRefName": heads + p.Source, "targetRefName": heads + p.Target,
				"title": p.Title, "description": p.Description, "isDraft": false,
			},
		}))
	})
	if err != nil {
		return host.PullRequest{}, err
	}
	return hostapi.Told(made.read(r))
}
