package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keytrail/indexer/issuekey"
	"keytrail/storage"
)

// searchAgain is how long to wait after the index could not be read or written.
const searchAgain = 10 * time.Second

// search follows the feed and has the index keep the commands that it brings.
func (r *Runner) search(ctx context.Context) error {
	for {
		err := r.follow(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, storage.ErrFeedGone) {
			r.Log.Warn().Msg("smart commits: the feed does not reach back to where it was searched last; what was pushed meanwhile is not done")
			if err = r.begin(ctx); err == nil {
				continue
			}
		}
		r.Log.Error().Err(err).Msg("smart commits could not be searched; it is tried again")
		if err := sleep(ctx, searchAgain, nil); err != nil {
			return err
		}
	}
}

// begin goes to the end of the feed.
func (r *Runner) begin(ctx context.Context) error {
	end, err := r.Store.FeedEnd(ctx)
	if err != nil {
		return err
	}
	return r.Store.TakeCommands(ctx, nil, end)
}

// follow reads the feed from where it was searched last, until something fails.
func (r *Runner) follow(ctx context.Context) error {
	cursor, err := r.Store.CommandCursor(ctx)
	if err == nil && cursor == "" {
		if err = r.begin(ctx); err == nil {
			cursor, err = r.Store.CommandCursor(ctx)
		}
	}
	for err == nil {
		cursor, err = r.step(ctx, cursor)
	}
	return err
}

// step reads one page of the feed, waiting for it, and gives the cursor behind.
func (r *Runner) step(ctx context.Context, cursor storage.FeedCursor) (storage.FeedCursor, error) {
	page, err := r.Store.Changes(ctx, cursor, 0)
	if err != nil {
		return cursor, err
	}
	if len(page.Changes) > 0 {
		found, err := r.found(ctx, page.Changes)
		if err != nil {
			return cursor, err
		}
		if err := r.Store.TakeCommands(ctx, found, page.Next); err != nil {
			return cursor, err
		}
		r.tellFound(found)
	}
	if page.AtEnd {
		err = r.Store.Await(ctx, page.Next)
	}
	return page.Next, err
}

// tellFound has the new commands done, and says which are not to be.
func (r *Runner) tellFound(found []storage.Command) {
	for _, c := range found {
		if c.State == storage.CommandSkipped {
			r.metrics.count(outcomeSkipped)
			r.Log.Info().Str("key", string(c.Key)).Stringer("sha", c.OID).Int("index", c.Index).Str("command", c.Name).Str("reason", c.Outcome).
				Msg("smart commit skipped")
		}
	}
	if len(found) == 0 {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// found gives the commands that changes of postings bring and that are not known yet, in the order in which they are to be done.
func (r *Runner) found(ctx context.Context, changes []storage.PostingChange) ([]storage.Command, error) {
	commits, err := r.arrived(ctx, changes)
	if err != nil {
		return nil, err
	}
	err = inOrder(commits, func(in storage.RepositoryID, oid storage.OID) (storage.Commit, error) {
		hit, err := r.Store.Commit(ctx, in, oid)
		return hit.Commit, err
	})
	if err != nil {
		return nil, err
	}
	rules, now := r.Rules(), r.Now()
	allowed := r.allowed(rules)
	var found []storage.Command
	for _, a := range commits {
		is, err := r.knownOf(ctx, a.hit.OID, found)
		if err != nil {
			return nil, err
		}
		for _, c := range Of(a.hit, rules) {
			if !slices.Contains(a.keys, c.Key) || is(c) {
				continue
			}
			c.FoundAt, c.State = now, storage.CommandWaiting
			switch age := now.Sub(a.hit.Committer.Time()); {
			case !allowed(c.Key):
				c.State, c.Outcome = storage.CommandSkipped, notAllowed(c.Key)
			case age > r.MaxAge:
				c.State, c.Outcome = storage.CommandSkipped, fmt.Sprintf("the commit is older than jira.smart_commits.max_age, %v", r.MaxAge)
			}
			found = append(found, c)
		}
	}
	return found, nil
}

// arrived reads the commits that were added to issues by a push, with the keys of these.
func (r *Runner) arrived(ctx context.Context, changes []storage.PostingChange) ([]arrived, error) {
	type place struct {
		repository storage.RepositoryID
		oid        storage.OID
	}
	var commits []arrived
	at := map[place]int{}
	for _, ch := range changes {
		if ch.Dropped || ch.Initial {
			continue
		}
		p := place{ch.Repository, ch.OID}
		i, isRead := at[p]
		if !isRead {
			hit, err := r.Store.Commit(ctx, ch.Repository, ch.OID)
			if errors.Is(err, storage.ErrNotFound) {
				continue // it has been dropped since
			}
			if err != nil {
				return nil, err
			}
			i, at[p] = len(commits), len(commits)
			commits = append(commits, arrived{hit: hit})
		}
		commits[i].keys = append(commits[i].keys, ch.Key)
	}
	return commits, nil
}

// knownOf tells which commands of a commit are known, in the index or among those just found. All commands of a message for one issue
// are known as soon as one is: by other key rules they may have other places.
func (r *Runner) knownOf(ctx context.Context, oid storage.OID, found []storage.Command) (func(storage.Command) bool, error) {
	ids, keys := map[storage.CommandID]bool{}, map[storage.IssueKey]bool{}
	keep := func(c storage.Command) {
		ids[c.CommandID] = true
		if !isOfNote(c.CommandID) {
			keys[c.Key] = true
		}
	}
	for c, err := range r.Store.Commands(ctx, storage.CommandQuery{OID: oid}) {
		if err != nil {
			return nil, err
		}
		keep(c)
	}
	for _, c := range found {
		if c.OID == oid {
			keep(c)
		}
	}
	return func(c storage.Command) bool { return ids[c.CommandID] || !isOfNote(c.CommandID) && keys[c.Key] }, nil
}

// allowed tells of which issues commands are done: those of the configured projects, whatever these are called now.
func (r *Runner) allowed(rules *issuekey.Rules) func(storage.IssueKey) bool {
	var projects []string
	for _, p := range r.Projects {
		projects = append(projects, strings.ToUpper(p))
		if key, err := rules.Canonical(p + "-1"); err == nil {
			projects = append(projects, storage.IssueKey(key).Project())
		}
	}
	return func(key storage.IssueKey) bool {
		now, err := rules.Canonical(string(key)) // a command keeps the key that it had when it was found
		return slices.Contains(projects, key.Project()) || err == nil && slices.Contains(projects, storage.IssueKey(now).Project())
	}
}

func notAllowed(key storage.IssueKey) string {
	return fmt.Sprintf("project %s is not among jira.projects", key.Project())
}
