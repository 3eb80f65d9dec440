package bitbucket

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"keytrail/indexer/host"
)

const (
	signatureHeader = "X-Hub-Signature"
	eventHeader     = "X-Event-Key"
	ping            = "diagnostics:ping"
)

// Verify checks X-Hub-Signature, the HMAC over the body. The button "Test connection" sends a ping that is not signed: it is taken,
// since Event reads nothing of it.
func (h *Host) Verify(ctx context.Context, d host.Delivery) error {
	if d.Header.Get(eventHeader) == ping && len(d.Header.Values(signatureHeader)) == 0 {
		return nil
	}
	return host.VerifyHMAC(ctx, h.config.HookSecret, d, signatureHeader, "sha256=")
}

// payload is what is read of a delivery (https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html).
type payload struct {
	EventKey   string      `json:"eventKey"`
	Repository *repository `json:"repository"`
	Old        *repository `json:"old"` // of what was modified, a repository or a project
	New        *repository `json:"new"`
	Changes    []struct {
		Ref struct {
			ID string `json:"id"`
		} `json:"ref"`
	} `json:"changes"`
	PullRequest *struct {
		ID int64 `json:"id"`
		To ref   `json:"toRef"`
	} `json:"pullRequest"`
}

type repository struct {
	ID      int64  `json:"id"`
	Slug    string `json:"slug"`
	Project struct {
		Key string `json:"key"`
	} `json:"project"`
	Links links `json:"links"`
}

type links struct {
	Clone []link `json:"clone"`
	Self  []link `json:"self"`
}

type link struct {
	Href string `json:"href"`
}

// urls are those by which a repository may be known. Old servers send no links, so the usual clone URL is always among them.
func (r repository) urls(web string) []string {
	all := []string{web + "/scm/" + strings.ToLower(r.Project.Key) + "/" + r.Slug + ".git"}
	for _, list := range [][]link{r.Links.Clone, r.Links.Self} {
		for _, l := range list {
			if l.Href != "" {
				all = append(all, l.Href)
			}
		}
	}
	return all
}

// subjects gives the one repository of a delivery, with its URLs from before when it has other ones now.
func (p payload) subjects(web string) []host.Subject {
	now := p.Repository
	switch {
	case p.PullRequest != nil:
		now = &p.PullRequest.To.Repository
	case p.New != nil:
		now = p.New
	}
	if now == nil || now.Slug == "" { // a project has no slug
		return nil
	}
	s := host.Subject{Name: fullName(now.Project.Key, now.Slug), URLs: now.urls(web)}
	if now.ID != 0 {
		s.ID = strconv.FormatInt(now.ID, 10)
	}
	if p.Old != nil {
		s.URLs = append(s.URLs, p.Old.urls(web)...)
	}
	return []host.Subject{s}
}

// Event reads a delivery. Its kind is taken from the body, which is signed, as the header is not.
func (h *Host) Event(d host.Delivery) (host.Event, error) {
	var p payload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return host.Event{}, host.Problem(host.ErrAnswer, "the webhook's body is not Bitbucket's JSON: look at what stands between it and here")
	}
	delivery := d.Header.Get("X-Request-Id")
	if d.Header.Get(eventHeader) == ping {
		return host.Event{Kind: host.EventPing, Delivery: delivery}, nil
	}
	e := host.Event{Kind: eventKind(p.EventKey), Delivery: delivery, Subjects: p.subjects(webURL(h.config))}
	for _, c := range p.Changes {
		if c.Ref.ID != "" {
			e.Refs = append(e.Refs, c.Ref.ID)
		}
	}
	if p.PullRequest != nil {
		e.Number = p.PullRequest.ID
	}
	return e, nil
}

// eventKind tells what an event's key stands for. Comments and reviews change nothing that is indexed.
func eventKind(key string) host.EventKind {
	switch key {
	case "repo:refs_changed":
		return host.EventPush
	case "pr:opened", "pr:modified", "pr:from_ref_updated", "pr:to_ref_updated", "pr:merged", "pr:declined", "pr:reopened", "pr:deleted":
		return host.EventPullRequest
	case "repo:forked":
		return host.EventCreated
	case "repo:modified", "project:modified":
		return host.EventRenamed
	}
	return host.EventOther
}

// Guide tells where Bitbucket's webhooks are set up.
func (h *Host) Guide() host.Guide {
	return host.Guide{
		Where: "Project settings (or Repository settings) > Webhooks > Create webhook",
		Events: []string{
			"Project: Modified", "Repository: Push", "Repository: Modified", "Repository: Forked",
			"Pull request: Opened", "Pull request: Source branch updated", "Pull request: Target branch updated", "Pull request: Modified",
			"Pull request: Merged", "Pull request: Declined", "Pull request: Deleted",
		},
		Secret: "field Secret",
		Note:   "Bitbucket does not tell of repositories that are made or deleted: they are seen with their first push, or at the next discovery",
	}
}
