package github

import (
	"context"
	"encoding/json"
	"strconv"

	"keytrail/indexer/host"
)

// Verify checks X-Hub-Signature-256, the HMAC over the body. The older SHA-1 beside it is not looked at.
func (h *Host) Verify(ctx context.Context, d host.Delivery) error {
	return host.VerifyHMAC(ctx, h.config.HookSecret, d, "X-Hub-Signature-256", "sha256=")
}

// payload is what is read of a delivery. Times are left out: they are texts in some events and numbers in others.
type payload struct {
	Action      string       `json:"action"`
	Ref         string       `json:"ref"`
	RefType     string       `json:"ref_type"`
	Repository  *repository  `json:"repository"`
	All         []repository `json:"repositories"`
	Added       []repository `json:"repositories_added"`
	Removed     []repository `json:"repositories_removed"`
	Number      int64        `json:"number"`
	PullRequest *struct {
		Number int64 `json:"number"`
	} `json:"pull_request"`
}

type repository struct {
	ID       int64  `json:"id"`
	FullName string `json:"full_name"`
	CloneURL string `json:"clone_url"`
	SSHURL   string `json:"ssh_url"`
	HTMLURL  string `json:"html_url"`
}

func (r repository) subject() host.Subject {
	s := host.Subject{ID: strconv.FormatInt(r.ID, 10), Name: r.FullName}
	for _, u := range []string{r.CloneURL, r.SSHURL, r.HTMLURL} {
		if u != "" {
			s.URLs = append(s.URLs, u)
		}
	}
	return s
}

// Event reads a delivery; its kind is in the header X-GitHub-Event.
func (h *Host) Event(d host.Delivery) (host.Event, error) {
	var p payload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return host.Event{}, host.Problem(host.ErrAnswer, "the webhook's body is not GitHub's JSON: choose the content type application/json at the host")
	}
	e := host.Event{Kind: host.EventOther, Delivery: d.Header.Get("X-GitHub-Delivery"), Number: p.Number}
	if p.Repository != nil {
		e.Subjects = append(e.Subjects, p.Repository.subject())
	}
	for _, list := range [][]repository{p.All, p.Added, p.Removed} {
		for _, r := range list {
			e.Subjects = append(e.Subjects, r.subject())
		}
	}
	switch d.Header.Get("X-GitHub-Event") {
	case "push", "create", "delete":
		e.Kind, e.Refs = host.EventPush, p.refs()
	case "pull_request":
		e.Kind = host.EventPullRequest
		if p.PullRequest != nil {
			e.Number = p.PullRequest.Number
		}
	case "repository":
		e.Kind = repositoryEvent(p.Action)
	case "installation", "installation_repositories":
		e.Kind = installationEvent(p.Action)
	case "ping":
		e.Kind = host.EventPing
	}
	return e, nil
}

// refs are the full names of what a push, a creation or a deletion is about.
func (p payload) refs() []string {
	switch {
	case p.Ref == "":
		return nil
	case p.RefType == "branch":
		return []string{"refs/heads/" + p.Ref}
	case p.RefType == "tag":
		return []string{"refs/tags/" + p.Ref}
	}
	return []string{p.Ref}
}

func repositoryEvent(action string) host.EventKind {
	switch action {
	case "created":
		return host.EventCreated
	case "deleted":
		return host.EventDeleted
	}
	return host.EventRenamed
}

// installationEvent tells what a change of an App's rights is to its account.
func installationEvent(action string) host.EventKind {
	switch action {
	case "created", "added", "unsuspend", "new_permissions_accepted":
		return host.EventCreated
	case "deleted", "removed", "suspend":
		return host.EventDeleted
	}
	return host.EventOther
}

// Guide tells where GitHub's webhooks are set up.
func (h *Host) Guide() host.Guide {
	g := host.Guide{
		Where:  "Organisation (or repository) > Settings > Webhooks > Add webhook",
		Events: []string{"Pushes", "Pull requests", "Repositories", "Branch or tag creation", "Branch or tag deletion"},
		Secret: "field Secret",
		Note:   "choose the content type application/json",
	}
	if _, isApp := h.account.(*app); isApp {
		g.Where = "Settings > Developer settings > GitHub Apps > the App > Webhook, and its events under Permissions & events"
		g.Note = "one webhook serves all installations; events of installations are always sent"
	}
	return g
}
