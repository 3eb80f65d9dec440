package azuredevops

import (
	"context"
	"encoding/json"
	"strings"

	"keytrail/indexer/host"
)

// trial is the subscription of the deliveries that the button Test sends.
const trial = "00000000-0000-0000-0000-000000000000"

// Verify checks the user name and password that a service hook is given. Where it has none, as one made for Git Integration for Jira, the
// secret in its URL proves it: service hooks sign nothing.
func (h *Host) Verify(ctx context.Context, d host.Delivery) error {
	if d.Secret != "" && len(d.Header.Values("Authorization")) == 0 {
		return host.VerifyURL(ctx, h.config.HookSecret, d)
	}
	return host.VerifyBasic(ctx, h.config.HookUsername, h.config.HookSecret, d)
}

// payload is what is read of a delivery. All below resource is optional: a subscription may ask for minimal details.
type payload struct {
	ID           string `json:"id"`
	Subscription string `json:"subscriptionId"`
	EventType    string `json:"eventType"`
	Resource     struct {
		Repository *repository `json:"repository"`
		PullID     int64       `json:"pullRequestId"`
		RefUpdates []struct {
			Name string `json:"name"`
		} `json:"refUpdates"`

		// Of a deleted repository.
		RepositoryID   string  `json:"repositoryId"`
		RepositoryName string  `json:"repositoryName"`
		Project        project `json:"project"`
	} `json:"resource"`
}

type repository struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Project   project `json:"project"`
	RemoteURL string  `json:"remoteUrl"`
	SSHURL    string  `json:"sshUrl"`
	WebURL    string  `json:"webUrl"`
}

type project struct {
	Name string `json:"name"`
}

// Event reads a delivery; its kind is in the body. A merge that was attempted may have failed, so it is a change like others.
func (h *Host) Event(d host.Delivery) (host.Event, error) {
	var p payload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return host.Event{}, host.Problem(host.ErrAnswer, "the webhook's body is not the JSON of a service hook: "+
			"choose the service Web Hooks at the host")
	}
	e := host.Event{Kind: kind(p.EventType), Delivery: p.ID, Number: p.Resource.PullID}
	if p.Subscription == trial {
		e.Kind = host.EventPing
		return e, nil
	}
	switch r := p.Resource.Repository; {
	case r != nil:
		e.Subjects = []host.Subject{h.subject(*r)}
	case p.Resource.RepositoryID != "":
		e.Subjects = []host.Subject{h.subject(repository{
			ID: p.Resource.RepositoryID, Name: p.Resource.RepositoryName, Project: p.Resource.Project,
		})}
	}
	for _, update := range p.Resource.RefUpdates {
		e.Refs = append(e.Refs, update.Name)
	}
	return e, nil
}

// kind reads an event's type.
func kind(eventType string) host.EventKind {
	switch eventType {
	case "git.push":
		return host.EventPush
	case "git.pullrequest.created", "git.pullrequest.updated", "git.pullrequest.merged":
		return host.EventPullRequest
	case "git.repo.created", "git.repo.forked", "git.repo.undeleted":
		return host.EventCreated
	case "git.repo.renamed", "git.repo.statuschanged":
		return host.EventRenamed
	case "git.repo.deleted":
		return host.EventDeleted
	}
	return host.EventOther
}

// subject names a repository by the URLs that the delivery has, and by all others that it goes by.
func (h *Host) subject(r repository) host.Subject {
	s := host.Subject{ID: r.ID, Name: h.name(r.RemoteURL, r.Project.Name, r.Name)}
	for _, u := range []string{r.RemoteURL, r.WebURL, r.SSHURL} {
		if u != "" {
			s.URLs = append(s.URLs, u)
		}
	}
	if parts := strings.Split(s.Name, "/"); len(parts) == 3 {
		s.URLs = append(s.URLs, h.site.urls(place{parts[0], parts[1], parts[2]})...)
	}
	return s
}

// Guide tells where service hooks are set up.
func (h *Host) Guide() host.Guide {
	return host.Guide{
		Where: "Project settings > Service hooks > Create subscription > Web Hooks, in each project",
		Events: []string{
			"Code pushed", "Pull request created", "Pull request updated", "Pull request merge attempted",
			"Repository created", "Repository deleted", "Repository renamed",
		},
		Secret: "field Basic authentication password, with any user name beside it",
		Note: "each event is a subscription of its own; resource details may be minimal, messages none; " +
			"an old server does not have the events of repositories",
	}
}
