package codecommit

import (
	"cmp"
	"context"
	"crypto/rand"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

const (
	heads = "refs/heads/"
	// maxPullRequests is how many ids CodeCommit gives of a page at most.
	maxPullRequests = 100
	isClosed        = "CLOSED"
)

// epoch is a time in seconds since 1970, with a fraction.
type epoch float64

func (e epoch) time() time.Time { return time.UnixMilli(int64(math.Round(float64(e) * 1000))).UTC() }

// pullRequest is what is read of one.
type pullRequest struct {
	ID          string   `json:"pullRequestId"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Status      string   `json:"pullRequestStatus"`
	AuthorARN   string   `json:"authorArn"`
	Created     epoch    `json:"creationDate"`
	Updated     epoch    `json:"lastActivityDate"`
	Targets     []target `json:"pullRequestTargets"`
}

// target is a pull request in one repository. CodeCommit makes them with one.
type target struct {
	Repository  string `json:"repositoryName"`
	Source      string `json:"sourceReference"`
	Destination string `json:"destinationReference"`
	Merge       struct {
		IsMerged bool `json:"isMerged"`
	} `json:"mergeMetadata"`
}

// readPullRequest reads the answer that holds one.
func readPullRequest(a hostapi.Answer) (pullRequest, error) {
	var answer struct {
		PullRequest pullRequest `json:"pullRequest"`
	}
	if err := a.Decode(&answer); err != nil {
		return pullRequest{}, err
	}
	if answer.PullRequest.ID == "" {
		return pullRequest{}, host.Problem(host.ErrAnswer, "the answer holds no pull request: look at the host, or at a proxy before it")
	}
	return answer.PullRequest, nil
}

// in gives the pull request as it is in a repository.
func (p pullRequest) in(r host.Repository, webURL string) host.PullRequest {
	var in target
	for _, t := range p.Targets {
		if in.Repository == "" || t.Repository == r.Name {
			in = t
		}
	}
	state := host.PullRequestOpen
	switch {
	case in.Merge.IsMerged:
		state = host.PullRequestMerged
	case p.Status == isClosed:
		state = host.PullRequestDeclined
	}
	number, err := strconv.ParseInt(p.ID, 10, 64)
	if err != nil {
		number = 0 // an id of another form is no number for people
	}
	return host.PullRequest{
		ID: p.ID, Number: number, Title: p.Title, Description: p.Description,
		Source: strings.TrimPrefix(in.Source, heads), Target: strings.TrimPrefix(in.Destination, heads),
		State: state, Author: nameOf(p.AuthorARN), Created: p.Created.time(), Updated: p.Updated.time(), WebURL: webURL,
	}
}

// nameOf is the name in the ARN of a user, of a role's session, or of an account itself.
func nameOf(arn string) string { return arn[strings.LastIndexAny(arn, "/:")+1:] }

// PullRequests asks for the ids and then for each by itself: CodeCommit has no other way, and tells no order. A closed one never
// changes again (it can be neither opened nor edited), so it is asked for once.
func (h *Host) PullRequests(ctx context.Context, r host.Repository, since time.Time) ([]host.PullRequest, error) {
	api := h.api.InBackground()
	ids, err := h.pullRequestIDs(ctx, api, r)
	if err != nil {
		return nil, err
	}
	pages := h.pages(r.Name)
	var all []host.PullRequest
	for _, id := range ids {
		if h.isDone(id, since) {
			continue
		}
		answer, err := ask(ctx, api, "GetPullRequest", map[string]any{"pullRequestId": id})
		if err != nil {
			return nil, err
		}
		p, err := readPullRequest(answer)
		if err != nil {
			return nil, err
		}
		if p.Status == isClosed {
			h.done(p)
		}
		if !p.Updated.time().Before(since) {
			all = append(all, p.in(r, pages.PullRequest(p.ID)))
		}
	}
	slices.SortStableFunc(all, func(a, b host.PullRequest) int {
		return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(b.Number, a.Number))
	})
	return all, nil
}

// pullRequestIDs gives those of a repository.
func (h *Host) pullRequestIDs(ctx context.Context, api *hostapi.Client, r host.Repository) ([]string, error) {
	size := cmp.Or(h.config.Limits.PageSize, maxPullRequests)
	var all []string
	err := h.list(ctx, api, "ListPullRequests", map[string]any{"repositoryName": r.Name, "maxResults": size}, func(a hostapi.Answer) (string, error) {
		var page struct {
			IDs  []string `json:"pullRequestIds"`
			Next string   `json:"nextToken"`
		}
		if err := a.Decode(&page); err != nil {
			return "", err
		}
		if page.IDs == nil {
			return "", host.Problem(host.ErrAnswer, "the answer holds no list of pull requests: look at the host, or at a proxy before it")
		}
		all = append(all, page.IDs...)
		return page.Next, nil
	})
	return all, err
}

// isDone tells of a pull request that is known not to have changed since a time.
func (h *Host) isDone(id string, since time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed, ok := h.closed[id]
	return ok && changed.Before(since)
}

// done remembers a pull request that does not change any more. Ids are the region's, not a repository's.
func (h *Host) done(p pullRequest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed[p.ID] = p.Updated.time()
}

// as gives the client for what a caller makes: with their access key, or the integration's when they gave none.
func (h *Host) as(c host.Caller) (*hostapi.Client, error) {
	k := h.keys
	if c.HasToken() {
		var err error
		if k, err = callerKeys(c); err != nil {
			return nil, err
		}
	}
	return h.api.For(c, func(host.Secret) hostapi.Authorize { return authorize(k, h.config.Region) }), nil
}

// CreateBranch makes a branch at the tip of another.
func (h *Host) CreateBranch(ctx context.Context, r host.Repository, b host.NewBranch, c host.Caller) (host.Branch, error) {
	api, err := h.as(c)
	if err != nil {
		return host.Branch{}, err
	}
	answer, err := ask(ctx, api, "GetBranch", map[string]any{"repositoryName": r.Name, "branchName": b.Base})
	if err != nil {
		return host.Branch{}, err
	}
	var base struct {
		Branch struct {
			OID string `json:"commitId"`
		} `json:"branch"`
	}
	if err := answer.Decode(&base); err != nil {
		return host.Branch{}, err
	}
	if base.Branch.OID == "" {
		return host.Branch{}, host.Problem(host.ErrAnswer, "the answer holds no base branch: look at the host, or at a proxy before it")
	}
	_, err = api.Do(ctx, request("CreateBranch", map[string]any{
		"repositoryName": r.Name, "branchName": b.Name, "commitId": base.Branch.OID,
	}, false))
	if err != nil {
		return host.Branch{}, err
	}
	return host.Branch{Name: b.Name, OID: base.Branch.OID, WebURL: h.pages(r.Name).Branch(b.Name)}, nil
}

// CreatePullRequest makes a pull request. By its token AWS knows a request that comes again, so it may be repeated.
func (h *Host) CreatePullRequest(ctx context.Context, r host.Repository, p host.NewPullRequest, c host.Caller) (host.PullRequest, error) {
	api, err := h.as(c)
	if err != nil {
		return host.PullRequest{}, err
	}
	proposal := request("CreatePullRequest", map[string]any{
		"title": p.Title, "description": p.Description,
		"targets": []map[string]string{{
			"repositoryName": r.Name, "sourceReference": p.Source, "destinationReference": p.Target,
		}},
		"clientRequestToken": rand.Text(),
	}, true)
	proposal.Makes = true
	answer, err := api.Do(ctx, proposal)
	if err != nil {
		return host.PullRequest{}, err
	}
	made, err := readPullRequest(answer)
	if err != nil {
		return host.PullRequest{}, err
	}
	return made.in(r, h.pages(r.Name).PullRequest(made.ID)), nil
}
