package daemon

import (
	"context"
	"errors"

	"keytrail/httpapi"
	"keytrail/indexer"
	"keytrail/indexer/discovery"
	"keytrail/indexer/host"
	"keytrail/indexer/webhook"
)

// deliveries hands the webhooks that come over HTTP to those who know their hosts.
type deliveries struct{ *webhook.Receiver }

var _ httpapi.Webhooks = deliveries{}

// Deliver takes a delivery to an integration.
func (d deliveries) Deliver(ctx context.Context, integration string, sent httpapi.Delivery) error {
	return deliveryError(d.Receiver.Deliver(ctx, integration, host.Delivery(sent)))
}

// DeliverBySecret takes a delivery to whatever integrations its secret is of.
func (d deliveries) DeliverBySecret(ctx context.Context, sent httpapi.Delivery) error {
	return deliveryError(d.Receiver.DeliverBySecret(ctx, host.Delivery(sent)))
}

// deliveryError says in the words of the API why a delivery was not taken.
func deliveryError(err error) error {
	switch {
	case errors.Is(err, webhook.ErrRefused):
		return &httpapi.DeliveryError{Reason: httpapi.DeliveryRefused}
	case errors.Is(err, webhook.ErrBusy):
		return &httpapi.DeliveryError{Reason: httpapi.DeliveryBusy}
	case errors.Is(err, webhook.ErrBody):
		return &httpapi.DeliveryError{Reason: httpapi.DeliveryMalformed, Text: err.Error()}
	}
	return err
}

// hooks are the integrations whose hosts send webhooks, and the repositories named one by one if they have a secret for them.
func (p *plan) hooks() []webhook.Integration {
	var hooks []webhook.Integration
	for _, in := range p.integrations {
		if by, ok := in.host.(host.Webhooks); ok {
			hooks = append(hooks, webhook.Integration{
				Name: in.config.Name, Hooks: by, Secret: secretOf(in.config.Webhook.Secret),
				HasPullRefs: in.config.Refs.Changes || len(in.config.Refs.Other) > 0,
			})
		}
	}
	if p.hookSecret != nil {
		hooks = append(hooks, webhook.Integration{Hooks: webhook.Plain{Secret: p.hookSecret}, Secret: p.hookSecret})
	}
	return hooks
}

// announcing is an index that says when what was discovered has been taken over, and looks whether it was there under another name.
type announcing struct {
	*indexer.Indexer
	discovered func(integration string)
	renaming   renaming
}

var _ discovery.Index = announcing{}

// SetIntegration says which repositories an integration has.
func (a announcing) SetIntegration(ctx context.Context, integration string, targets []indexer.Target) (indexer.Changes, error) {
	changes, err := a.Indexer.SetIntegration(ctx, integration, targets)
	if err != nil {
		return changes, err
	}
	a.discovered(integration)
	if changes.Added > 0 {
		err = a.renaming.look(ctx, integration, targets)
	}
	return changes, err
}
