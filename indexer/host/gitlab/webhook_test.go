package gitlab

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"keytrail/indexer/host"
)

func TestEventsOfOtherKindsAreUnderstood(t *testing.T) {
	h := &Host{}
	for _, c := range []struct {
		body  string
		kind  host.EventKind
		about string
		refs  string
	}{
		{`{"event_name": "push", "ref": "refs/heads/a", "project_id": 7}`, host.EventPush, "7", "refs/heads/a"},
		{`{"event_name": "repository_update", "refs": ["refs/heads/a", "refs/tags/b"], "project_id": 7}`, host.EventPush, "7", "refs/heads/a refs/tags/b"},
		{`{"event_name": "project_transfer", "project_id": 7}`, host.EventRenamed, "7", ""},
		{`{"event_name": "project_update", "project_id": 7}`, host.EventRenamed, "7", ""},
		{`{"event_name": "group_rename", "full_path": "new"}`, host.EventRenamed, "", ""},
		{`{"event_name": "subgroup_destroy"}`, host.EventDeleted, "", ""},
		{`{"object_kind": "pipeline", "ref": "main", "project": {"id": 7}}`, host.EventOther, "7", ""},
		{`{"object_kind": "note", "event_type": "note", "project_id": 7, "object_attributes": {"id": 1}}`, host.EventOther, "7", ""},
		{`{}`, host.EventOther, "", ""},
	} {
		got, err := h.Event(host.Delivery{Header: http.Header{"Idempotency-Key": {"once"}}, Body: []byte(c.body)})
		id := ""
		if len(got.Subjects) > 0 {
			id = got.Subjects[0].ID
		}
		if err != nil || got.Kind != c.kind || id != c.about || strings.Join(got.Refs, " ") != c.refs || got.Delivery != "once" {
			t.Errorf("%s: got %+v, %v", c.body, got, err)
		}
	}
}

func TestARenamedProjectIsNamedByBothItsPaths(t *testing.T) {
	got, err := over(t, nil).Event(host.Delivery{Body: []byte(
		`{"event_name": "project_rename", "project_id": 7, "path_with_namespace": "acme/new", "old_path_with_namespace": "acme/old one"}`)})
	want := []string{"https://git.example.com/gitlab/acme/new", "https://git.example.com/gitlab/acme/old%20one"}
	if err != nil || len(got.Subjects) != 1 || !slices.Equal(got.Subjects[0].URLs, want) {
		t.Errorf("got %+v, %v; want %q", got, err, want)
	}
}

func TestAPushNamesItsProjectByEveryURLThatItHas(t *testing.T) {
	got, err := (&Host{}).Event(host.Delivery{Body: []byte(`{"object_kind": "push", "ref": "refs/heads/main",
		"project": {"id": 7, "web_url": "https://g/a", "git_http_url": "https://g/a.git", "git_ssh_url": "git@g:a.git", "url": "git@g:a.git"},
		"repository": {"url": "ssh://git@g/a.git", "homepage": "https://g/a"}}`)})
	want := []string{"https://g/a.git", "git@g:a.git", "https://g/a", "ssh://git@g/a.git"}
	if err != nil || !slices.Equal(got.Subjects[0].URLs, want) {
		t.Errorf("got %+v, %v; want %q", got, err, want)
	}
}
