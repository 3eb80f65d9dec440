package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"keytrail/indexer/host"
	"keytrail/indexer/jira"
	"keytrail/storage"
)

const (
	maxBackoff = 15 * time.Minute
	// idle is how often the queue is looked through when nothing is known to be due.
	idle = time.Hour
)

// carry does commands as they are due.
func (r *Runner) carry(ctx context.Context) error {
	for {
		next, err := r.pass(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.Log.Error().Err(err).Msg("smart commits could not be read from the index, or what came of one be kept; it is tried again")
			next = r.Now().Add(searchAgain)
		}
		if err := sleep(ctx, next.Sub(r.Now()), r.wake); err != nil {
			return err
		}
	}
}

// pass tries each command that is due, and gives when the next one is.
func (r *Runner) pass(ctx context.Context) (next time.Time, err error) {
	pending, err := r.pending(ctx)
	if err != nil {
		return next, err
	}
	left := len(pending)
	r.metrics.waiting.Set(float64(left))
	next = r.Now().Add(idle)
	held := holds{}
	for _, c := range pending {
		now := r.Now()
		switch {
		case r.paused.After(now):
			return earlier(next, r.paused), nil
		case held.has(c):
			held.add(c)
			continue
		case r.dueAt(c, now).After(now):
			next = earlier(next, r.dueAt(c, now))
			held.add(c)
			continue
		}
		if c, err = r.attempt(ctx, c); err != nil {
			return next, err
		}
		if c.State == storage.CommandWaiting {
			next = earlier(next, c.DueAt)
			held.add(c)
			continue
		}
		left--
		r.metrics.waiting.Set(float64(left))
	}
	return next, nil
}

// dueAt gives when a command is to be tried. One that was being tried when a runner ended waits, because Jira may still be doing it. When the
// clock was set far back, nothing waits until it has caught up.
func (r *Runner) dueAt(c storage.Command, now time.Time) time.Time {
	switch {
	case c.TriedAt.Sub(now) > maxBackoff:
		return now
	case c.State == storage.CommandTrying:
		return c.TriedAt.Add(r.Grace)
	}
	return c.DueAt
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// pending gives the commands that are not settled, in the order in which they were taken up. One that was being tried is before the
// others of its commit and its issue: they were held back.
func (r *Runner) pending(ctx context.Context) (pending []storage.Command, err error) {
	for _, state := range []storage.CommandState{storage.CommandTrying, storage.CommandWaiting} {
		for c, err := range r.Store.Commands(ctx, storage.CommandQuery{State: state}) {
			if err != nil {
				return nil, err
			}
			pending = append(pending, c)
		}
	}
	return pending, nil
}

// holds are the commits and issues of which a command has to wait, so that the later ones do.
type holds map[any]bool

func (h holds) has(c storage.Command) bool { return h[c.OID] || h[c.Key] }
func (h holds) add(c storage.Command)      { h[c.OID], h[c.Key] = true, true }

// attempt tries a command and gives it as the index keeps it then. An error is one of the index.
func (r *Runner) attempt(ctx context.Context, c storage.Command) (storage.Command, error) {
	hit, isThere, err := r.commit(ctx, c)
	if err != nil {
		return c, err
	}
	a := attempt{r: r, c: c, hit: hit, isRepeated: c.Attempts > 0}
	a.c.State, a.c.TriedAt = storage.CommandTrying, r.Now()
	a.c.Attempts++
	switch {
	case !isThere:
		return r.giveUp(ctx, c, "no repository has the commit any more")
	case !r.allowed(r.Rules())(c.Key):
		return r.giveUp(ctx, c, notAllowed(c.Key))
	case r.Now().Sub(c.FoundAt) > r.MaxAge:
		return r.giveUp(ctx, c, fmt.Sprintf("given up after %v", r.MaxAge))
	}
	if err := r.Store.SetCommand(ctx, a.c); err != nil {
		return a.c, err
	}
	outcome, err := a.do(ctx)
	var ours *indexError
	switch {
	case err == nil:
		return r.settle(ctx, a.c, storage.CommandDone, outcome)
	case ctx.Err() != nil:
		return a.c, ctx.Err()
	case errors.As(err, &ours):
		return a.c, err
	case r.isFinal(ctx, err):
		return r.settle(ctx, a.c, storage.CommandFailed, a.planned()+err.Error())
	}
	return r.postpone(ctx, a.c, a.planned(), err)
}

// commit reads the commit of a command from any repository that has it.
func (r *Runner) commit(ctx context.Context, c storage.Command) (hit storage.Hit, isThere bool, err error) {
	hit, err = r.Store.Commit(ctx, c.Repository, c.OID)
	if err == nil || !errors.Is(err, storage.ErrNotFound) {
		return hit, err == nil, err
	}
	for id, err := range r.Store.Holders(ctx, c.OID) {
		if err != nil {
			return hit, false, err
		}
		hit, err = r.Store.Commit(ctx, id, c.OID)
		if err == nil || !errors.Is(err, storage.ErrNotFound) {
			return hit, err == nil, err
		}
	}
	return hit, false, nil
}

// giveUp settles a command that is not to be tried again, or not at all.
func (r *Runner) giveUp(ctx context.Context, c storage.Command, reason string) (storage.Command, error) {
	if c.Attempts == 0 {
		return r.settle(ctx, c, storage.CommandSkipped, reason)
	}
	return r.settle(ctx, c, storage.CommandFailed, reason+"; last: "+c.Outcome)
}

// settle keeps what finally came of a command.
func (r *Runner) settle(ctx context.Context, c storage.Command, state storage.CommandState, outcome string) (storage.Command, error) {
	c.State, c.Outcome, c.DueAt = state, outcome, time.Time{}
	if err := r.Store.SetCommand(ctx, c); err != nil {
		return c, err
	}
	event := r.Log.Info()
	if state == storage.CommandFailed {
		event = r.Log.Warn()
	}
	event.Str("key", string(c.Key)).Stringer("sha", c.OID).Int("index", c.Index).Str("command", c.Name).Int("attempts", c.Attempts).
		Str("outcome", outcome).Msg("smart commit " + string(state))
	r.metrics.count(string(state))
	return c, nil
}

// postpone keeps that a command is to be tried again, and when.
func (r *Runner) postpone(ctx context.Context, c storage.Command, planned string, err error) (storage.Command, error) {
	isDown := r.isDown(ctx, err)
	now := r.Now()
	due := now.Add(r.wait(c.Attempts))
	var made *host.Error
	if errors.As(err, &made) {
		due = later(due, made.Until)
	}
	if isDown {
		r.paused = due
	}
	if made != nil && mayGoOn(made) {
		due = later(due, now.Add(r.Grace))
	}
	c.State, c.Outcome, c.DueAt = storage.CommandWaiting, planned+err.Error(), due
	r.metrics.count(outcomeRetried)
	r.Log.Warn().Err(err).Str("key", string(c.Key)).Stringer("sha", c.OID).Int("index", c.Index).Str("command", c.Name).
		Int("attempts", c.Attempts).Time("due", c.DueAt).Msg("smart commit not done yet")
	return c, r.Store.SetCommand(ctx, c)
}

// isDown tells that other commands would fare no better: Jira asks to wait, or does not even say who the account is. Else the failure is of
// this command, and may stay as long as it likes without keeping the others waiting.
func (r *Runner) isDown(ctx context.Context, err error) bool {
	if errors.Is(err, host.ErrThrottled) {
		return true
	}
	_, err = r.Jira.Myself(ctx)
	return err != nil
}

// mayGoOn tells of a failure after which Jira may still be doing what it was asked to change.
func mayGoOn(e *host.Error) bool {
	isLost := e.Kind == host.ErrUnreachable || e.Kind == host.ErrServer || e.Kind == host.ErrAnswer
	return isLost && !strings.HasPrefix(e.Op, http.MethodGet+" ")
}

// wait gives how long to wait after so many attempts: twice as long after each, by chance a little more or less.
func (r *Runner) wait(attempts int) time.Duration {
	grow := backoff.ExponentialBackOff{InitialInterval: r.Backoff, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: maxBackoff}
	grow.Reset()
	d := grow.NextBackOff()
	for range min(attempts, 20) - 1 {
		d = grow.NextBackOff()
	}
	return d
}

// isFinal tells that trying again would not help: the command is wrong, or Jira does not do it for this issue. A refusal counts if Jira
// knows the account; else it is the account, or the url, that is wrong.
func (r *Runner) isFinal(ctx context.Context, err error) bool {
	if errors.Is(err, errCommand) || errors.Is(err, jira.ErrNoUser) {
		return true
	}
	var made *host.Error
	isForbidden := errors.As(err, &made) && made.Status == http.StatusForbidden && errors.Is(err, host.ErrAuth)
	if isForbidden || errors.Is(err, host.ErrGone) || errors.Is(err, host.ErrRefused) || errors.Is(err, host.ErrTooLarge) {
		_, err := r.Jira.Myself(ctx)
		return err == nil
	}
	return false
}
