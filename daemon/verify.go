package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"keytrail/daemon/config"
	"keytrail/indexer"
	"keytrail/storage"
)

type verifyCommand struct {
	Data   string   `help:"Data directory to check. No daemon may be using it." placeholder:"DIR" required:"" type:"path"`
	Config string   `help:"Configuration it was indexed with; without one, the defaults." placeholder:"FILE" type:"path"`
	Trust  []string `help:"Directory below which repositories of other users are read in place, for --deep; may be repeated." placeholder:"DIR" type:"path" sep:"none"`
	Deep   bool     `help:"Compare also with the mirrors and local repositories, commit by commit. No host is asked."`
}

// Run checks the index and reports each difference.
func (c *verifyCommand) Run(ctx context.Context, p Process) (err error) {
	settings := config.Default()
	if c.Config != "" {
		if settings, err = config.Load(c.Config, checks()); err != nil {
			return usageError{err}
		}
	}
	settings.Local.Roots = append(settings.Local.Roots, c.Trust...)
	store, err := dataDir(c.Data).openExisting(consoleLog(p, zerolog.ErrorLevel), p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	found := 0
	names := map[storage.RepositoryID]string{}
	for r, err := range store.Repositories(ctx) {
		if err != nil {
			return err
		}
		names[r.ID] = r.Name
	}
	report := func(problem storage.Problem) {
		found++
		where := "index"
		if problem.Repository != 0 {
			where = fmt.Sprintf("%s (repository %d)", names[problem.Repository], problem.Repository)
		}
		fmt.Fprintf(p.Stdout, "%s: %s\n", where, problem.Text)
	}
	began := time.Now()
	if err := store.Verify(ctx, report); err != nil {
		return fmt.Errorf("check the index: %w", err)
	}
	if c.Deep {
		if err := c.deep(ctx, p, settings, store, report); err != nil {
			return fmt.Errorf("compare with the mirrors: %w", err)
		}
	}
	stats, err := store.Stats(ctx)
	if err != nil {
		return err
	}
	if found > 0 {
		fmt.Fprintf(p.Stdout, "%s found; POST /api/v1/repositories/{id}/reindex with {\"full\":true} rebuilds a repository's index\n", plural(found, "difference"))
		return errDifference
	}
	_, err = fmt.Fprintf(p.Stdout, "no differences: %s, %s, %s, checked in %s\n", plural(stats.Repositories, "repository"),
		plural(stats.Commits, "commit"), plural(stats.Postings, "posting"), time.Since(began).Round(time.Millisecond))
	return err
}

// deep compares with what the index was made from.
func (c *verifyCommand) deep(ctx context.Context, p Process, settings *config.Config, store storage.Store, report func(storage.Problem)) error {
	transports := newTransports()
	plan, err := newPlan(settings, transports)
	if err != nil {
		return usageError{err}
	}
	targets, err := registeredTargets(ctx, store, settings, transports)
	if err != nil {
		return err
	}
	x := indexer.New(indexer.Options{
		Store: store, Mirrors: dataDir(c.Data).mirrors(), Rules: plan.rules, Limits: plan.limits,
		Log: zerolog.Nop(), Registerer: prometheus.NewRegistry(),
	})
	if _, err := x.SetTargets(ctx, targets, false); err != nil {
		return err
	}
	last := time.Now()
	err = x.VerifyDeep(ctx, func(name string) {
		if time.Since(last) > lineEvery {
			last = time.Now()
			fmt.Fprintf(p.Stderr, "comparing %s\n", name)
		}
	}, report)
	return errors.Join(err, x.Close())
}
