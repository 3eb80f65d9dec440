package gitea

import (
	"cmp"
	"context"
	"encoding/json"

	"keytrail/indexer/host"
	"keytrail/indexer/host/forge"
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

// Event reads a delivery; its kind is in the header X-Gitea-Event. Headers of GitHub's names come with it and are not looked at.
func (h *Host) Event(d host.Delivery) (host.Event, error) {
	var p forge.Payload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return host.Event{}, host.Problem(host.ErrAnswer, "the webhook's body is not Gitea's JSON: choose the content type application/json at the host")
	}
	e := p.Event(header(d, "Event"))
	e.Delivery = header(d, "Delivery")
	return e, nil
}

// header gives a field that Gitea and Forgejo have under their own names.
func header(d host.Delivery, name string) string {
	return cmp.Or(d.Header.Get("X-Gitea-"+name), d.Header.Get("X-Forgejo-"+name))
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
