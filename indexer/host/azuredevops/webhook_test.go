package azuredevops

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

func TestADeliveryThatNamesARepositoryByItsOldURLNamesItByTheNewOneToo(t *testing.T) {
	h := made(t, New, "https://dev.azure.com/acme", &answers{})
	got, err := h.Event(host.Delivery{Body: []byte(`{"eventType": "git.push", "resource": {"repository": {
		"remoteUrl": "https://acme.visualstudio.com/DefaultCollection/Payments/_git/billing-api"}}}`)})
	if err != nil || len(got.Subjects) != 1 || got.Subjects[0].Name != "acme/Payments/billing-api" {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, url := range []string{
		"https://dev.azure.com/acme/Payments/_git/billing-api",
		"https://acme.visualstudio.com/Payments/_git/billing-api",
		"https://acme.visualstudio.com/DefaultCollection/Payments/_git/billing-api",
		"git@ssh.dev.azure.com:v3/acme/Payments/billing-api",
	} {
		if !slices.Contains(got.Subjects[0].URLs, url) {
			t.Errorf("%s is not among %v", url, got.Subjects[0].URLs)
		}
	}
}

func TestEventsAreKnownByTheirType(t *testing.T) {
	h := made(t, New, "https://dev.azure.com/acme", &answers{})
	for body, want := range map[string]host.EventKind{
		`{"eventType": "git.repo.renamed", "resource": {"repository": {"id": "a"}}}`: host.EventRenamed,
		`{"eventType": "git.repo.statuschanged"}`:                                    host.EventRenamed,
		`{"eventType": "git.repo.forked"}`:                                           host.EventCreated,
		`{"eventType": "git.push", "resource": null}`:                                host.EventPush,
		`{"eventType": "git.push", "subscriptionId": "` + trial + `", "resource": {"repository": {"id": "of Microsoft's example"}}}`: host.EventPing,
		`{"eventType": "build.complete"}`: host.EventOther,
		`{"eventType": "ms.vss-code.git-pullrequest-comment-event", "resource": {"pullRequest": {}}}`: host.EventOther,
	} {
		if got, err := h.Event(host.Delivery{Body: []byte(body)}); err != nil || got.Kind != want {
			t.Errorf("%s: got %+v, %v", body, got, err)
		}
	}
}

func TestASecretInTheURLIsTakenWhereThereIsNoPassword(t *testing.T) {
	h := made(t, New, "https://dev.azure.com/acme", &answers{})
	wrong := http.Header{}
	wrong.Set("Authorization", "Basic aG9va3VzZXI6d3Jvbmc=")
	for name, c := range map[string]struct {
		delivery host.Delivery
		kind     error
	}{
		"the secret":                    {host.Delivery{Secret: hosttest.HookSecret}, nil},
		"another secret":                {host.Delivery{Secret: "another"}, host.ErrSignature},
		"none":                          {host.Delivery{}, host.ErrSignature},
		"the secret and a bad password": {host.Delivery{Secret: hosttest.HookSecret, Header: wrong}, host.ErrSignature},
	} {
		if err := h.Verify(t.Context(), c.delivery); !errors.Is(err, c.kind) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
