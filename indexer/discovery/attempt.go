package discovery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"keytrail/indexer"
	"keytrail/indexer/host"
	"keytrail/storage"
)

// firstRetry is how long to wait after the first of a row of failures that may pass by themselves.
const firstRetry = 10 * time.Second

// discover does one discovery and sets when the next one is.
func (d *Discoverer) discover(ctx context.Context, in *integration) {
	found, err := ask(ctx, in.source)
	if err == nil {
		err = d.takeOver(ctx, in, found)
	}
	d.settle(ctx, in, err)
	d.look()
}

// ask lists a host and filters what it has.
func ask(ctx context.Context, s Source) (found host.Discovery, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", indexer.ErrPanic, p, debug.Stack())
		}
	}()
	if s.Filter == nil {
		return host.Discover(ctx, s.Host, nil)
	}
	defer s.Filter.Wait()
	return host.Discover(ctx, s.Host, s.Filter)
}

// errReplaced ends a discovery whose source is no longer in force.
var errReplaced = errors.New("the configuration has changed")

// takeOver has the indexer take over what was found, if that can be believed.
func (d *Discoverer) takeOver(ctx context.Context, in *integration, found host.Discovery) error {
	d.applying.Lock()
	defer d.applying.Unlock()
	if !d.isInForce(in) {
		return errReplaced
	}
	before, err := d.known(ctx, in.source.Name)
	if err != nil {
		return err
	}
	if err := d.judge(in, found, before); err != nil {
		return err
	}
	targets, left := d.targets(in.source, found.Selected)
	changes, err := d.index.SetIntegration(ctx, in.source.Name, targets)
	if err != nil {
		return err
	}
	d.believed(in, found)
	log := d.log.Debug()
	switch {
	case len(found.Selected) == 0 && len(found.Listed) > 0:
		log = d.log.Warn() // which may be meant
	case changes != indexer.Changes{}:
		log = d.log.Info()
	}
	log.Str("integration", in.source.Name).Int("listed", len(found.Listed)).Int("selected", len(found.Selected)).Int("unusable", left).
		Int("added", changes.Added).Int("changed", changes.Changed).Int("retired", changes.Retired).Msg("repositories discovered")
	return nil
}

// isInForce tells whether an integration is still one of the discoverer's.
func (d *Discoverer) isInForce(in *integration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.integrations, in)
}

// known gives the host's ids of the repositories that the index has of an integration, the retired ones not.
func (d *Discoverer) known(ctx context.Context, name string) (map[string]bool, error) {
	known := map[string]bool{}
	for r, err := range d.store.Repositories(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list repositories: %w", err)
		}
		if r.Integration == name && r.RetiredAt.IsZero() {
			known[r.HostID] = true
		}
	}
	return known, nil
}

// targets gives what the indexer needs, and counts the repositories that it cannot be given.
func (d *Discoverer) targets(s Source, selected []host.Repository) (targets []indexer.Target, left int) {
	for _, r := range selected {
		t, err := s.Target(r)
		if err != nil {
			left++
			d.log.Warn().Err(err).Str("integration", s.Name).Str("repo", r.Name).Msg("repository left out")
			continue
		}
		t.IsDormant = t.IsDormant || r.Disabled
		targets = append(targets, t)
	}
	return targets, left
}

// settle sets when the next discovery is and tells how this one went.
func (d *Discoverer) settle(ctx context.Context, in *integration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	in.running = nil
	if ctx.Err() != nil || errors.Is(err, errReplaced) {
		return // it was ended, it did not fail
	}
	now := d.now()
	in.until = time.Time{}
	in.state.Class, in.state.Text, in.state.Doubted = "", "", 0
	if err == nil {
		in.backoff = nil
		in.state.Failures, in.state.FailingSince = 0, time.Time{}
		in.due = now.Add(spread(d.limits.Interval))
	} else {
		d.failed(in, err, now)
	}
	if in.isAsked {
		in.due = later(now, in.until)
	}
}

// failed notes a failure. The caller holds d.mu.
func (d *Discoverer) failed(in *integration, err error, now time.Time) {
	class := indexer.Classify(err)
	if in.state.Failures++; in.state.Failures == 1 {
		in.state.FailingSince = now
	}
	in.state.Class, in.state.Text = class, err.Error()
	if errors.Is(err, indexer.ErrPanic) {
		in.state.Text = "the answer of the host could not be worked on: the log has more"
	}
	d.index.CountError(class)
	wait := spread(d.limits.Interval)
	var h *host.Error
	switch {
	case errors.Is(err, ErrImplausible):
		in.state.Doubted = in.doubt.times
	case class == storage.ClassThrottled && errors.As(err, &h) && h.Until.After(now):
		in.until = h.Until
		wait = spread(h.Until.Sub(now))
	case class == storage.ClassTransient || class == storage.ClassThrottled || class == storage.ClassFull:
		if in.backoff == nil {
			in.backoff = &backoff.ExponentialBackOff{
				InitialInterval: firstRetry, RandomizationFactor: backoff.DefaultRandomizationFactor, Multiplier: 2, MaxInterval: d.limits.Interval,
			}
		}
		wait = min(wait, in.backoff.NextBackOff())
	}
	in.due = now.Add(wait)
	log := d.log.Warn()
	if class == storage.ClassBug {
		log = d.log.Error()
	}
	log.Err(err).Str("integration", in.source.Name).Str("class", string(class)).Dur("next_ms", wait).
		Msg("repositories not discovered; those known before stay")
}

// spread makes a wait up to a tenth longer, never shorter, so that what began together drifts apart.
func spread(wait time.Duration) time.Duration {
	return wait + time.Duration(rand.Float64()*float64(wait)/10)
}
