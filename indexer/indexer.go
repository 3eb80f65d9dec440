// Package indexer brings the index up to date. It decides which repository is looked at and when (package
// schedule), fetches what is new (package mirror), finds issue keys (package issuekey), and hands each repository's
// step to the store as one Advance.
//
// One look at one repository is a job: read the refs, compare them with the tips in the index, fetch and walk
// what changed, advance. A job that fails leaves the index as it was and says so; what the failure means for the
// next one follows from its class, see Classify. A crash in the middle of a job costs the job: the tips in the
// index say what is done.
package indexer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror"
	"keytrail/indexer/schedule"
	"keytrail/storage"
)

// Options are what an Indexer works with.
type Options struct {
	Store      storage.Store
	Mirrors    string // directory of the mirrors, one per remote repository, named by number
	Rules      *issuekey.Rules
	Limits     schedule.Limits
	Grace      time.Duration // from when a repository is retired to when it is forgotten; 0: a week
	Log        zerolog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time // nil: time.Now
}

// Indexer keeps an index up to date. Its methods are safe for concurrent use.
type Indexer struct {
	store    storage.Store
	mirrors  string
	log      zerolog.Logger
	now      func() time.Time
	workers  int
	grace    time.Duration
	schedule *schedule.Schedule
	onDemand *mirror.OnDemand
	metrics  *metrics
	pulls    *pulls
	rules    atomic.Pointer[issuekey.Rules]

	generation atomic.Uint64 // of targets

	setting sync.Mutex // held while the set of repositories changes, before mu

	mu        sync.Mutex
	targets   map[storage.RepositoryID]*target
	displaced []*target // no longer wanted; their sources are closed when no job uses them
}

// ErrUnknownRepository answers a request for a repository that is not being indexed.
var ErrUnknownRepository = fmt.Errorf("the repository is not being indexed: %w", storage.ErrNotFound)

// New returns an indexer without repositories. It starts nothing.
func New(o Options) *Indexer {
	if o.Now == nil {
		o.Now = time.Now
	}
	x := &Indexer{
		store:   o.Store,
		mirrors: o.Mirrors,
		log:     o.Log,
		now:     o.Now,
		workers: o.Limits.Total,
		grace:   o.Grace,
		targets: map[storage.RepositoryID]*target{},
	}
	if x.grace == 0 {
		x.grace = 7 * 24 * time.Hour
	}
	x.schedule = schedule.New(schedule.Options{Limits: o.Limits, Now: o.Now})
	x.onDemand = mirror.NewOnDemand(o.Mirrors, mirror.OnDemandOptions{Now: o.Now, Received: func(bytes int64) {
		x.metrics.receivedBytes.Add(float64(bytes))
	}})
	x.rules.Store(o.Rules)
	x.pulls = newPulls(x, o)
	x.metrics = newMetrics(o.Registerer, x)
	return x
}

// SetLimits changes how often and how many at once. The number of workers, Limits.Total, only falls: it is fixed by New.
func (x *Indexer) SetLimits(l schedule.Limits) {
	x.schedule.SetLimits(l)
	x.pulls.schedule.SetLimits(l)
}

// SetRules changes the key rules. Repositories indexed by other rules are indexed again at their next look.
func (x *Indexer) SetRules(r *issuekey.Rules) { x.rules.Store(r) }

// Close releases what jobs left open for the next ones. Run must have returned.
func (x *Indexer) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	errs := []error{x.closeDisplaced()}
	for _, t := range x.targets {
		errs = append(errs, t.close())
	}
	return errors.Join(errs...)
}

func (x *Indexer) target(id storage.RepositoryID) (*target, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.targets[id]
	if t == nil {
		return nil, ErrUnknownRepository
	}
	return t, nil
}

// snapshot gives the targets of this moment, by id.
func (x *Indexer) snapshot() []*target {
	x.mu.Lock()
	defer x.mu.Unlock()
	ids := slices.Sorted(maps.Keys(x.targets))
	targets := make([]*target, len(ids))
	for i, id := range ids {
		targets[i] = x.targets[id]
	}
	return targets
}

// Reindex has one repository looked at soon, and its pull requests read; with isFull everything is read and indexed again.
func (x *Indexer) Reindex(_ context.Context, id storage.RepositoryID, isFull bool) error {
	t, err := x.target(id)
	if err != nil {
		return err
	}
	if isFull {
		t.reset.Store(true)
		t.renew.Store(true)
	}
	x.schedule.Nudge(id)
	x.RefreshPullRequests(id)
	return nil
}

// CountError counts a failure that is of no single repository, as of a discovery, among those of indexing.
func (x *Indexer) CountError(class storage.ErrorClass) { x.metrics.failed(class) }

// Run indexes until the context ends, and returns when all its work has ended.
func (x *Indexer) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for range x.workers {
		g.Go(func() error { return x.work(ctx) })
	}
	g.Go(func() error { return x.pulls.run(ctx) })
	g.Go(func() error { return x.forgetRetired(ctx) })
	g.Go(func() error { return x.sweepOnDemand(ctx) })
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// work does one job after the other.
func (x *Indexer) work(ctx context.Context) error {
	for {
		id, err := x.schedule.Take(ctx)
		if err != nil {
			return err
		}
		result, err := x.Look(ctx, id, nil)
		if ctx.Err() != nil {
			x.schedule.Done(id, schedule.Outcome{})
			return ctx.Err()
		}
		outcome := schedule.Outcome{
			Failed:     err != nil,
			RetryAfter: waitAfter(err),
			Throttled:  Classify(err) == storage.ClassThrottled,
		}
		if result.Changed {
			outcome.Changed = x.now()
		}
		x.schedule.Done(id, outcome)
	}
}

// forgetEvery is how often retired repositories are looked through.
const forgetEvery = time.Hour

// forgetRetired removes repositories whose grace period is over, with their mirrors.
func (x *Indexer) forgetRetired(ctx context.Context) error {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		if err := x.forgetOnce(ctx); err != nil && ctx.Err() == nil {
			x.metrics.failed(Classify(err))
			x.log.Error().Err(err).Msg("retired repositories could not be removed")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (x *Indexer) forgetOnce(ctx context.Context) error {
	var over []storage.Repository
	for r, err := range x.store.Repositories(ctx) {
		if err != nil {
			return err
		}
		if !r.RetiredAt.IsZero() && x.now().Sub(r.RetiredAt) > x.grace {
			over = append(over, r)
		}
	}
	for _, r := range over {
		if err := x.forget(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// forget removes a repository, unless it has come back meanwhile.
func (x *Indexer) forget(ctx context.Context, r storage.Repository) error {
	x.setting.Lock()
	defer x.setting.Unlock()
	if now, err := x.store.Repository(ctx, r.ID); err != nil || now.RetiredAt.IsZero() {
		return err
	}
	if err := x.store.Forget(ctx, r.ID); err != nil {
		return err
	}
	if err := mirror.Remove(x.mirrorDir(r.ID)); err != nil {
		return err
	}
	x.log.Info().Uint32("repo_id", uint32(r.ID)).Str("repo", r.Name).Msg("repository forgotten")
	return nil
}

// mirrorDir names the mirror of a repository by its number: no name from outside becomes a path.
func (x *Indexer) mirrorDir(id storage.RepositoryID) string {
	return filepath.Join(x.mirrors, strconv.FormatUint(uint64(id), 10)+".git")
}
