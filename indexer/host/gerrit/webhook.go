package gerrit

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// Verify checks the secret in the URL: the webhooks plug-in signs nothing and sends no header of our choice
// (https://gerrit.googlesource.com/plugins/webhooks).
func (h *Host) Verify(ctx context.Context, d host.Delivery) error {
	return host.VerifyURL(ctx, h.config.HookSecret, d)
}

// payload is what is read of a delivery: an event as `gerrit stream-events` writes it
// (https://gerrit-review.googlesource.com/Documentation/cmd-stream-events.html).
type payload struct {
	Type        string      `json:"type"`
	ProjectName string      `json:"projectName"`
	RefUpdate   *refUpdate  `json:"refUpdate"`
	RefUpdates  []refUpdate `json:"refUpdates"`
	Change      *struct {
		Project string      `json:"project"`
		Number  json.Number `json:"number"` // a text on old servers
	} `json:"change"`
}

type refUpdate struct {
	Project string `json:"project"`
	RefName string `json:"refName"`
}

// full is the full name of the ref. Old servers leave the beginning of a branch's name out.
func (u refUpdate) full() string {
	if strings.HasPrefix(u.RefName, "refs/") {
		return u.RefName
	}
	return branchPrefix + u.RefName
}

// Event reads a delivery.
func (h *Host) Event(d host.Delivery) (host.Event, error) {
	var p payload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return host.Event{}, host.Problem(host.ErrAnswer, "the webhook's body is not Gerrit's JSON: look at what stands between it and here")
	}
	e := host.Event{Kind: eventKind(p.Type)}
	projects := []string{p.ProjectName}
	if p.RefUpdate != nil {
		p.RefUpdates = append(p.RefUpdates, *p.RefUpdate)
	}
	for _, u := range p.RefUpdates {
		projects = append(projects, u.Project)
		if u.RefName != "" {
			e.Refs = append(e.Refs, u.full())
		}
	}
	if p.Change != nil {
		projects = append(projects, p.Change.Project)
		if number, err := p.Change.Number.Int64(); err == nil {
			e.Number = number
		}
	}
	slices.Sort(projects)
	for _, name := range slices.Compact(projects) {
		if name != "" {
			e.Subjects = append(e.Subjects, h.subject(name))
		}
	}
	return e, nil
}

// subject names a project as Select does. It may be cloned with and without the path of those who are logged in.
func (h *Host) subject(name string) host.Subject {
	path := hostapi.Segments(name)
	return host.Subject{ID: name, Name: name, URLs: []string{h.page("a/" + path), h.page(path)}}
}

// eventKind tells what an event's type stands for. Comments, reviewers and votes change nothing that is indexed.
func eventKind(name string) host.EventKind {
	switch name {
	case "ref-updated", "batch-ref-updated", "project-head-updated":
		return host.EventPush
	case "patchset-created", "change-merged", "change-abandoned", "change-restored", "change-deleted", "topic-changed":
		return host.EventPullRequest
	case "project-created":
		return host.EventCreated
	case "project-deleted": // of the delete-project plug-in
		return host.EventDeleted
	}
	return host.EventOther
}

// Guide tells where Gerrit's webhooks are set up.
func (h *Host) Guide() host.Guide {
	return host.Guide{
		Where: "plug-in webhooks: file webhooks.config in the branch refs/meta/config of All-Projects, a section [remote \"keytrail\"]",
		Events: []string{
			"ref-updated", "patchset-created", "change-merged", "change-abandoned", "change-restored", "change-deleted", "topic-changed",
			"project-created", "project-deleted",
		},
		Secret: "in the URL, which is the value of url, for Gerrit has no field for it",
		InURL:  true,
		Note: "write a line event = ... for each event. Gerrit signs nothing, so keep the URL secret and let only the Gerrit server reach it. " +
			"project-deleted comes only with the plug-in delete-project",
	}
}
