package webhook

import (
	"context"
	"fmt"
	"time"

	"keytrail/indexer/host"
)

const (
	maxConfirmations = 16 // waiting
	confirmTimeout   = 30 * time.Second
)

// confirmation is a delivery that the host waits for an answer to.
type confirmation struct {
	integration string
	by          host.Confirmer
	delivery    host.Delivery
}

// acceptConfirmation has a delivery confirmed. It must be proved by the host's own proof, whatever URL it came to, for what it
// says is followed.
func (r *Receiver) acceptConfirmation(ctx context.Context, a *account, d host.Delivery) error {
	by, ok := a.Hooks.(host.Confirmer)
	if !ok {
		r.count(a.Name, outcomeIgnored)
		return nil
	}
	if err := a.Hooks.Verify(ctx, d); err != nil {
		r.refuse(a, err)
		return ErrRefused
	}
	select {
	case r.confirm <- confirmation{a.Name, by, d}:
		r.count(a.Name, outcomeAccepted)
		return nil
	default:
		r.count(a.Name, outcomeBusy)
		return fmt.Errorf("%w: %d confirmations wait", ErrBusy, maxConfirmations)
	}
}

// confirmAll answers confirmations until ctx ends.
func (r *Receiver) confirmAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-r.confirm:
			r.confirmOne(ctx, c)
		}
	}
}

func (r *Receiver) confirmOne(ctx context.Context, c confirmation) {
	one, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	switch err := c.by.Confirm(one, c.delivery); {
	case ctx.Err() != nil:
	case err != nil:
		r.log.Error().Err(err).Str("integration", c.integration).
			Msg("the webhook could not be confirmed, so its host will send nothing: have it send the confirmation again")
	default:
		r.log.Info().Str("integration", c.integration).Msg("webhook confirmed")
	}
}
