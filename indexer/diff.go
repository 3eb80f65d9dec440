package indexer

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"keytrail/indexer/mirror"
	"keytrail/storage"
)

// Diff gives what a commit changed, asking the repository for the trees and contents that are not here. It waits for no job
// of the repository. A failure is a *storage.SourceError, but for the end of the context and ErrUnknownRepository; for what no
// server hands out, or is too much, it is storage.ErrNoObjects or storage.ErrDiffTooLarge too.
func (x *Indexer) Diff(ctx context.Context, id storage.RepositoryID, oid storage.OID, o storage.DiffOptions) (diff storage.Diff, err error) {
	err = x.show(ctx, id, func(source mirror.Shown, host string) error {
		diff, err = x.onDemand.Diff(ctx, source, host, oid, o)
		return err
	})
	return diff, err
}

// Files gives what each of several commits of a repository changed, in their order, with few requests in all. Errors are as
// those of Diff: one that is about a single commit is in its result.
func (x *Indexer) Files(ctx context.Context, id storage.RepositoryID, oids []storage.OID, o storage.DiffOptions) (results []storage.DiffResult, err error) {
	err = x.show(ctx, id, func(source mirror.Shown, host string) error {
		results, err = x.onDemand.Files(ctx, source, host, oids, o)
		return err
	})
	for i := range results {
		results[i].Err = sourceError(ctx, results[i].Err)
	}
	return results, err
}

// show calls use with the source of a repository that commits are shown of, and its host.
func (x *Indexer) show(ctx context.Context, id storage.RepositoryID, use func(source mirror.Shown, host string) error) (err error) {
	t, err := x.target(id)
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = sourceError(ctx, fmt.Errorf("%w: %v", ErrPanic, p))
			x.log.Error().Str("repo", t.Spec.Name).Interface("panic", p).Bytes("stack", debug.Stack()).Msg("a diff panicked")
		}
	}()
	source, err := x.shown(t)
	if err == nil {
		err = use(source, t.host())
	}
	return sourceError(ctx, err)
}

// shown gives the source of a target that commits are shown of: another one than that of its jobs, so as not to wait for
// them. As it keeps nothing open between calls, nobody closes it.
func (x *Indexer) shown(t *target) (mirror.Shown, error) {
	t.showing.Lock()
	defer t.showing.Unlock()
	if t.shown == nil {
		source, err := x.newSource(newTarget(t.id, briefly(t.Target)))
		if err != nil {
			return nil, err
		}
		t.shown = source
	}
	return t.shown, nil
}

// shownStall is how long nothing may move when somebody waits for the answer: less than a job is given.
const shownStall = 15 * time.Second

// briefly gives a target with the patience of one who waits.
func briefly(t Target) Target {
	if w := &t.Remote.Wire; w.Stall <= 0 || w.Stall > shownStall {
		w.Stall = shownStall
	}
	return t
}

// sourceError gives an error of a source its class. What is beyond a limit of diffs has none: nothing is wrong with the source.
func sourceError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, storage.ErrDiffTooLarge):
		return &storage.SourceError{Err: err}
	}
	return &storage.SourceError{Class: Classify(err), Err: err}
}

// sweepEvery is how often objects fetched on demand are looked through for what has expired.
const sweepEvery = time.Minute

// sweepOnDemand removes objects that were fetched on demand: at first those of an earlier process, then those that expire.
func (x *Indexer) sweepOnDemand(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for sweep := x.onDemand.Clean; ; sweep = x.onDemand.Sweep {
		if err := sweep(); err != nil {
			x.metrics.failed(Classify(err))
			x.log.Error().Err(err).Msg("objects fetched on demand could not be removed")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
