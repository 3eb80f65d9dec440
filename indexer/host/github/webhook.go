package github

import (
	"context"
	"encoding/json"
	"slices"

	"keytrail/indexer/host"
	"keytrail/indexer/host/forge"
)

// Verify checks X-Hub-Signature-256, the HMAC over the body. The older SHA-1 beside it is not looked at.
func (h *Host) Verify(ctx context.Context, d host.Delivery) error {
	return host.VerifyHMAC(ctx, h.config.HookSecret, d, "X-Hub-Signature-256", "sha256=")
}

// payload is what is read of a delivery.
type payload struct {
	forge.Payload
	All     []forge.Repository `json:"repositories"`
	Added   []forge.Repository `json:"repositories_added"`
	Removed []forge.Repository `json:"repositories_removed"`
}

// Event reads a delivery; its kind is in the header X-GitHub-Event.
func (h *Host) Event(d host.Delivery) (host.Event, error) {
	var p payload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return host.Event{}, host.Problem(host.ErrAnswer, "the webhook's body is not GitHub's JSON: choose the content type application/json at the host")
	}
	name := d.Header.Get("X-GitHub-Event")
	e := p.Payload.Event(name)
	e.Delivery = d.Header.Get("X-GitHub-Delivery")
	for _, r := range slices.Concat(p.All, p.Added, p.Removed) {
		e.Subjects = append(e.Subjects, r.Subject())
	}
	switch name {
	case "installation", "installation_repositories":
		e.Kind = installationEvent(p.Action)
	case "ping":
		e.Kind = host.EventPing
	}
	return e, nil
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
