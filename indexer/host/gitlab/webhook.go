package gitlab

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// Verify checks the secret itself, which GitLab sends in X-Gitlab-Token with every kind of webhook.
func (h *Host) Verify(ctx context.Context, d host.Delivery) error {
	return host.VerifyToken(ctx, h.config.HookSecret, d, "X-Gitlab-Token")
}

// payload is what is read of a delivery. Webhooks of a project name it in project, those of a group or an own server beside the event.
type payload struct {
	ObjectKind string   `json:"object_kind"`
	EventName  string   `json:"event_name"`
	Ref        string   `json:"ref"`
	Refs       []string `json:"refs"`
	ProjectID  int64    `json:"project_id"`
	Path       string   `json:"path_with_namespace"`
	OldPath    string   `json:"old_path_with_namespace"`
	Project    project  `json:"project"`
	Repository project  `json:"repository"`
	Object     struct {
		IID int64 `json:"iid"`
	} `json:"object_attributes"`
}

// project names one. What url holds depends on the event, so each form is read.
type project struct {
	ID       int64  `json:"id"`
	Path     string `json:"path_with_namespace"`
	WebURL   string `json:"web_url"`
	Homepage string `json:"homepage"`
	HTTP     string `json:"git_http_url"`
	SSH      string `json:"git_ssh_url"`
	OldHTTP  string `json:"http_url"`
	OldSSH   string `json:"ssh_url"`
	URL      string `json:"url"`
}

func (p project) urls() []string {
	return []string{p.HTTP, p.SSH, p.WebURL, p.OldHTTP, p.OldSSH, p.URL, p.Homepage}
}

// kind tells what an event, by its object_kind or event_name, is to the index.
func kind(event string) host.EventKind {
	switch event {
	case "push", "tag_push", "repository_update":
		return host.EventPush
	case "merge_request":
		return host.EventPullRequest
	case "project_create":
		return host.EventCreated
	case "project_rename", "project_transfer", "project_update", "group_rename":
		return host.EventRenamed
	case "project_destroy", "group_destroy", "subgroup_destroy":
		return host.EventDeleted
	}
	return host.EventOther
}

// Event reads a delivery by its body: the header X-Gitlab-Event of a system hook does not say what happened. That of a group names no
// project, so it may be about any.
func (h *Host) Event(d host.Delivery) (host.Event, error) {
	var p payload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return host.Event{}, host.Problem(host.ErrAnswer, "the webhook's body is not GitLab's JSON: remove the webhook's own template at the host")
	}
	event := p.ObjectKind
	if event == "" {
		event = p.EventName
	}
	e := host.Event{Kind: kind(event), Delivery: d.Header.Get("Idempotency-Key"), Subjects: h.subjects(p)}
	switch e.Kind {
	case host.EventPush:
		e.Refs = p.Refs
		if p.Ref != "" {
			e.Refs = []string{p.Ref}
		}
	case host.EventPullRequest:
		e.Number = p.Object.IID
	}
	return e, nil
}

// subjects gives the project of a delivery with all its URLs; where there are none they are made from its path, the old one too.
func (h *Host) subjects(p payload) []host.Subject {
	id, name := p.Project.ID, p.Project.Path
	if id == 0 {
		id = p.ProjectID
	}
	if name == "" {
		name = p.Path
	}
	if id == 0 && name == "" {
		return nil
	}
	s := host.Subject{Name: name}
	if id != 0 {
		s.ID = strconv.FormatInt(id, 10)
	}
	urls := append(p.Project.urls(), p.Repository.urls()...)
	for _, path := range []string{p.Path, p.OldPath} {
		if path != "" {
			urls = append(urls, h.config.URL+"/"+hostapi.Segments(path))
		}
	}
	for _, u := range urls {
		if u != "" && !slices.Contains(s.URLs, u) {
			s.URLs = append(s.URLs, u)
		}
	}
	return []host.Subject{s}
}

// Guide tells where GitLab's webhooks are set up.
func (h *Host) Guide() host.Guide {
	return host.Guide{
		Where: "Group (or project) > Settings > Webhooks > Add new webhook; on an own server Admin > System hooks, for all projects at once",
		Events: []string{
			"Push events", "Tag push events", "Merge request events",
			"Project events (of a group's webhook)", "Repository update events (of a system hook)",
		},
		Secret: "field Secret token",
		Note: "a push of more than three branches or tags is not told by Push events (push_event_hooks_limit): " +
			"the next look finds it; webhooks of groups need GitLab Premium; only system hooks tell of renamed projects",
	}
}
