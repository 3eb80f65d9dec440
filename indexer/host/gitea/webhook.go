package gitea

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"keytrail/indexer/host"
)

// Verify checks the HMAC over the body. Forgejo signs under both names, Gitea under its own; the header is there and empty when no
// secret is set at the host.
func (h *Host) Verify(ctx context.Context, d host.Delivery) error {
	name := "X-Gitea-Signature"
	if d.Header.Values(name) == nil && d.Header.Values("X-Forgejo-Signature") != nil {
		name = "X-Forgejo-Signature"
	}
	return host.VerifyHMAC(ctx, h.config.HookSecret, d, name, "")
}

// payload is what is read of a delivery.
type payload struct {
	Action     string      `json:"action"`
	Ref        string      `json:"ref"`
	RefType    string      `json:"ref_type"`
	Number     int64       `json:"number"`
	Repository *repository `json:"repository"`
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

// Event reads a delivery; its kind is in the header X-Gitea-Event. Headers of GitHub's names come with it and are not looked at.
func (h *Host) Event(d host.Delivery) (host.Event, error) {
	var p payload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return host.Event{}, host.Problem(host.ErrAnswer, "the webhook's body is not Gitea's JSON: choose the content type application/json at the host")
	}
	e := host.Event{Kind: host.EventOther, Delivery: header(d, "Delivery")}
	if p.Repository != nil {
		e.Subjects = append(e.Subjects, p.Repository.subject())
	}
	switch header(d, "Event") {
	case "push", "create", "delete":
		e.Kind, e.Refs = host.EventPush, p.refs()
	case "pull_request":
		e.Kind, e.Number = host.EventPullRequest, p.Number
	case "repository":
		e.Kind = repositoryEvent(p.Action)
	}
	return e, nil
}

// header gives a field that Gitea and Forgejo have under their own names.
func header(d host.Delivery, name string) string {
	return cmp.Or(d.Header.Get("X-Gitea-"+name), d.Header.Get("X-Forgejo-"+name))
}

// refs are the full names of what a push, a creation or a deletion is about.
func (p payload) refs() []string {
	switch {
	case p.Ref == "":
		return nil
	case strings.HasPrefix(p.Ref, "refs/"):
		return []string{p.Ref}
	case p.RefType == "tag":
		return []string{"refs/tags/" + p.Ref}
	}
	return []string{"refs/heads/" + p.Ref}
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

// Guide tells where Gitea's webhooks are set up.
func (h *Host) Guide() host.Guide {
	return host.Guide{
		Where: "Organisation (or repository) > Settings > Webhooks > Add webhook > Gitea (Forgejo); " +
			"Site administration > Integrations > Webhooks > System webhooks, for all repositories at once",
		Events: []string{"Push", "Create", "Delete", "Repository", "Pull request", "Pull request synchronized"},
		Secret: "field Secret",
		Note: "choose POST and the content type application/json; webhook.ALLOWED_HOST_LIST of the server must allow this address; " +
			"the server does not tell of renamed repositories",
	}
}
