// Package command carries out what smart commits say: it finds the commands of commits as they come into the index, and does each of them
// in Jira once.
//
// A [Runner] follows the feed of the index. Of every commit that a push brings to an issue it reads the commands for that issue (package
// smartcommit) and has the index keep them; the index knows them for ever by commit and place, so that forks, force pushes, restarts and a
// commit that goes and comes back bring none twice. What was there at a repository's first index, or at the Runner's own first start, is
// never done.
//
// Commands are done one after the other. Those of one commit are done in order, and so are those of one issue: one that has to wait
// holds back the later ones of its commit and its issue. An attempt is
//
//	the index keeps the command as being tried → Jira is asked → the index keeps what came of it
//
// so that after a crash it is known which one may have been done. When Jira has had its time to finish that, and before it is tried again, Jira is
// asked whether it was: a comment or a worklog ends with a line that names commit and place, a transition has led to its status; all else may be done twice without a difference.
//
// In the files: command.go is the Runner; found.go reads commands out of commits; search.go follows the feed; carry.go is the queue;
// act.go is what each command does in Jira; metrics.go counts.
package command

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"keytrail/indexer/issuekey"
	"keytrail/indexer/jira"
	"keytrail/storage"
)

// Authors says whose commits may give commands.
type Authors string

// Whose commits may.
const (
	KnownAuthors Authors = "known" // those whose author's mail address is that of exactly one active user of Jira
	AnyAuthors   Authors = "any"
)

// Options are what a Runner works with.
type Options struct {
	Store      storage.Store
	Jira       *jira.Client
	Rules      func() *issuekey.Rules // in force now
	Projects   []string               // whose issues are changed
	MaxAge     time.Duration          // of a commit, by its committer date, when it comes; and of a command until it is given up
	Authors    Authors
	Backoff    time.Duration // before the second attempt; 0: 2 s
	Grace      time.Duration // how long Jira may go on with a request whose answer is lost, so that only then it is known not to be done
	Log        zerolog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time // nil: time.Now
}

// Runner does the commands of smart commits.
type Runner struct {
	Options
	metrics *metrics
	wake    chan struct{} // there is something to do; holds one

	// Of the goroutine that carries out.
	paused time.Time            // Jira is not asked before
	known  map[string]time.Time // authors by mail address, until when that they are known holds
}

const firstBackoff = 2 * time.Second

// New makes a runner. It starts nothing.
func New(o Options) *Runner {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Backoff == 0 {
		o.Backoff = firstBackoff
	}
	return &Runner{Options: o, metrics: newMetrics(o.Registerer), wake: make(chan struct{}, 1), known: map[string]time.Time{}}
}

// Run finds commands and does them until the context ends, and returns when all its work has ended.
func (r *Runner) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.search(ctx) })
	g.Go(func() error { return r.carry(ctx) })
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Forget has the next Runner begin at the end of the feed, as if it were the first: for a daemon that runs without one, so that nothing that
// is pushed meanwhile is done later.
func Forget(ctx context.Context, store storage.Store) error {
	cursor, err := store.CommandCursor(ctx)
	if err != nil || cursor == "" {
		return err
	}
	return store.TakeCommands(ctx, nil, "")
}

// sleep waits, or until the context ends, or until woken by a channel, which may be nil.
func sleep(ctx context.Context, d time.Duration, woken <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	case <-ctx.Done():
	}
	return ctx.Err()
}
