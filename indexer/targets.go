package indexer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"keytrail/indexer/schedule"
	"keytrail/storage"
)

// SetTargets says which repositories to index, of all integrations, and answers their ids. With isWhole the others are
// retired: they go on answering, are no longer looked at, and are forgotten after the grace period.
func (x *Indexer) SetTargets(ctx context.Context, targets []Target, isWhole bool) ([]storage.RepositoryID, error) {
	x.setting.Lock()
	defer x.setting.Unlock()
	u, err := x.register(ctx, targets)
	if err != nil {
		return nil, err
	}
	if isWhole {
		if err := x.retire(ctx, &u, func(storage.Repository) bool { return true }); err != nil {
			return nil, err
		}
		x.logGone(u)
	}
	return u.ids, x.take(ctx, u, func(*target) bool { return false })
}

// Changes counts the repositories of an integration by what became of them.
type Changes struct {
	Added   int // new, or back from retirement
	Changed int // another name or URL
	Retired int
}

// SetIntegration says which repositories to index of one integration, as its host told them; those that it told no more are
// retired. Other integrations stay as they are.
func (x *Indexer) SetIntegration(ctx context.Context, integration string, targets []Target) (Changes, error) {
	x.setting.Lock()
	defer x.setting.Unlock()
	u, err := x.register(ctx, targets)
	if err != nil {
		return u.changes, err
	}
	if err := x.retire(ctx, &u, func(r storage.Repository) bool { return r.Integration == integration }); err != nil {
		return u.changes, err
	}
	return u.changes, x.take(ctx, u, func(t *target) bool { return t.Spec.Integration != integration })
}

// update is a set of targets on its way in. The caller of what works on it holds x.setting.
type update struct {
	known   []storage.Repository // as they were before, in order of their ids
	ids     []storage.RepositoryID
	wanted  map[storage.RepositoryID]*target
	changes Changes
}

// register makes those targets known to the store that are new to it or have changed: ten thousand that have not cost no write.
func (x *Indexer) register(ctx context.Context, targets []Target) (update, error) {
	type identity struct{ integration, hostID string }
	u := update{ids: make([]storage.RepositoryID, len(targets)), wanted: make(map[storage.RepositoryID]*target, len(targets))}
	places := map[identity]int{}
	for r, err := range x.store.Repositories(ctx) {
		if err != nil {
			return u, fmt.Errorf("list repositories: %w", err)
		}
		places[identity{r.Integration, r.HostID}] = len(u.known)
		u.known = append(u.known, r)
	}
	var specs []storage.RepositorySpec
	var at []int // in targets
	for i, t := range targets {
		place, isKnown := places[identity{t.Spec.Integration, t.Spec.HostID}]
		switch {
		case !isKnown || !u.known[place].RetiredAt.IsZero():
			u.changes.Added++
		case u.known[place].RepositorySpec != t.Spec:
			u.changes.Changed++
		default:
			u.ids[i] = u.known[place].ID
			continue
		}
		specs, at = append(specs, t.Spec), append(at, i)
	}
	if len(specs) > 0 {
		ids, err := x.store.Register(ctx, specs)
		if err != nil {
			return u, fmt.Errorf("register repositories: %w", err)
		}
		for j, id := range ids {
			u.ids[at[j]] = id
		}
	}
	for i, id := range u.ids {
		u.wanted[id] = newTarget(id, targets[i])
	}
	return u, nil
}

// retire retires those of the known repositories that are ours and not wanted.
func (x *Indexer) retire(ctx context.Context, u *update, isOurs func(storage.Repository) bool) error {
	for _, r := range u.known {
		if u.wanted[r.ID] != nil || !r.RetiredAt.IsZero() || !isOurs(r) {
			continue
		}
		if err := x.store.Retire(ctx, r.ID, x.now()); err != nil {
			return fmt.Errorf("retire repository %q: %w", r.Name, err)
		}
		u.changes.Retired++
		x.log.Info().Str("host", r.Integration).Str("repo", r.Name).Uint32("repo_id", uint32(r.ID)).Msg("repository retired")
	}
	return nil
}

// ForgottenAt is when a retired repository is forgotten.
func (x *Indexer) ForgottenAt(r storage.Repository) time.Time { return r.RetiredAt.Add(x.grace) }

// logGone tells of the integrations all of whose repositories an update has retired: the configuration has them no longer.
func (x *Indexer) logGone(u update) {
	retired, isLive := map[string]int{}, map[string]bool{}
	for _, r := range u.known {
		switch {
		case u.wanted[r.ID] != nil:
			isLive[r.Integration] = true
		case r.RetiredAt.IsZero():
			retired[r.Integration]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(retired)) {
		if isLive[name] || name == "" {
			continue
		}
		x.log.Warn().Str("integration", name).Int("repositories", retired[name]).Time("forgotten", x.now().Add(x.grace).UTC()).
			Msg("the configuration has this integration no longer: its repositories are retired, answer until they are forgotten, and are looked at " +
				"no more; to keep them, configure it again under the same name")
	}
}

// take puts the wanted targets in place of those that are there, but for those to keep, and schedules them.
func (x *Indexer) take(ctx context.Context, u update, keep func(*target) bool) error {
	records := make(map[storage.RepositoryID]storage.Repository, len(u.known))
	for _, r := range u.known {
		records[r.ID] = r
	}
	var mended []storage.RepositoryID
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, t := range x.targets {
		switch w := u.wanted[id]; {
		case w != nil && w.sameAs(t):
			t.pulls.Store(w.pulls.Load())
			u.wanted[id] = t // its connection and what it learned of its server stay
		case w == nil && keep(t):
			u.wanted[id] = t
		default:
			x.displaced = append(x.displaced, t)
			if w != nil && (w.Spec.URL != t.Spec.URL || records[id].Failure.Class != "") {
				mended = append(mended, id)
			}
		}
	}
	x.targets = u.wanted
	x.generation.Add(1)
	var items []schedule.Item
	for _, id := range slices.Sorted(maps.Keys(x.targets)) {
		t, r := x.targets[id], records[id]
		if !t.IsDormant {
			items = append(items, schedule.Item{ID: id, Host: t.host(), Seen: r.SeenAt, Changed: r.IndexedAt})
		}
	}
	x.schedule.Set(items)
	x.schedule.Nudge(mended...) // what made their looks fail may be gone: no need to wait for the next one
	return errors.Join(x.closeDisplaced(), x.pulls.set(ctx, x.targets))
}

// closeDisplaced closes the sources of displaced targets that no job uses. The caller holds x.mu.
func (x *Indexer) closeDisplaced() error {
	var errs []error
	x.displaced = slices.DeleteFunc(x.displaced, func(t *target) bool {
		if !t.busy.TryLock() {
			return false
		}
		defer t.busy.Unlock()
		errs = append(errs, t.close())
		return true
	})
	return errors.Join(errs...)
}
