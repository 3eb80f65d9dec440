package gitea

import (
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

// recordedEvents are the events of the recorded webhooks.
func recordedEvents() map[string]host.Event {
	about := func(kind host.EventKind) host.Event {
		return host.Event{Kind: kind, Subjects: []host.Subject{{ID: "1001", Name: "acme/billing-api"}}}
	}
	push, branch := about(host.EventPush), about(host.EventPush)
	push.Refs, branch.Refs = []string{"refs/heads/main"}, []string{"refs/heads/feature/ACME-42-invoice-export"}
	changed, merged := about(host.EventPullRequest), about(host.EventPullRequest)
	changed.Number, merged.Number = 5, 4
	return map[string]host.Event{
		"webhook-push":                      push,
		"webhook-branch-created":            branch,
		"webhook-branch-deleted":            branch,
		"webhook-pull-request-opened":       changed,
		"webhook-pull-request-synchronized": changed,
		"webhook-pull-request-merged":       merged,
		"webhook-repository-created":        about(host.EventCreated),
		"webhook-repository-deleted":        about(host.EventDeleted),
	}
}

func TestForgejosOwnHeadersAreReadWhereGiteasAreMissing(t *testing.T) {
	body, err := os.ReadFile("testdata/gitea/webhook-push.json")
	if err != nil {
		t.Fatal(err)
	}
	const signature = "74ca6a0109396b2e4e4aac8ff1dc3594c61c62f4c2fb0ca487bf31f9322ff47e"
	h, err := New(host.Config{URL: web, Token: hosttest.Secret("t"), HookSecret: hosttest.Secret(hosttest.HookSecret)})
	if err != nil {
		t.Fatal(err)
	}
	hooks := h.(host.Webhooks)
	forgejo := http.Header{"X-Forgejo-Signature": {signature}, "X-Forgejo-Event": {"push"}, "X-Forgejo-Delivery": {"once"}}
	d := host.Delivery{Header: forgejo, Body: body}
	if err := hooks.Verify(t.Context(), d); err != nil {
		t.Error(err)
	}
	if got, err := hooks.Event(d); err != nil || got.Kind != host.EventPush || got.Delivery != "once" {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, other := range map[string]http.Header{
		"an empty signature of Gitea": {"X-Gitea-Signature": {""}},
		"a wrong signature of Gitea":  {"X-Gitea-Signature": {strings.Repeat("0", 64)}},
		"a wrong one of Forgejo":      {"X-Forgejo-Signature": {strings.Repeat("0", 64)}},
	} {
		d.Header = forgejo.Clone()
		maps.Copy(d.Header, other)
		if err := hooks.Verify(t.Context(), d); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestHeadersOfGitHubsNamesAreNotLookedAt(t *testing.T) {
	d := host.Delivery{Header: http.Header{"X-Gitea-Event": {"fork"}, "X-Github-Event": {"push"}}, Body: []byte(`{"repository": {"id": 1}}`)}
	if got, err := (&Host{}).Event(d); err != nil || got.Kind != host.EventOther {
		t.Errorf("got %+v, %v", got, err)
	}
}
