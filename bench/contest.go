package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// contest measures one case.
type contest struct {
	FetchCase
	dir     string // for everything it writes
	log     io.Writer
	relay   *relay
	entries []*entry
	truth   truth // what the server has now
	report  CaseReport
}

// entry is a contestant and the repository that it keeps.
type entry struct {
	contestant
	dir     string
	again   again // nil: it takes part in first fetches alone
	objects int   // in dir, after the last fetch
}

// run measures a case in a directory of its own.
func (o FetchOptions) run(ctx context.Context, c FetchCase, dir, peer string, log io.Writer) (_ CaseReport, err error) {
	served := filepath.Join(dir, filepath.Base(c.Repo))
	if err := os.CopyFS(served, os.DirFS(c.Repo)); err != nil {
		return CaseReport{}, fmt.Errorf("copy the repository to serve it: %w", err)
	}
	server, err := serve(served, "uploadpack.allowFilter=true")
	if err != nil {
		return CaseReport{}, err
	}
	defer func() { err = errors.Join(err, server.close()) }()
	host := strings.Split(server.url, "/")[2]
	relay, err := newRelay(host)
	if err != nil {
		return CaseReport{}, err
	}
	defer func() { err = errors.Join(err, relay.close()) }()

	k := contest{FetchCase: c, dir: dir, log: log, relay: relay}
	k.Repo = served
	for _, each := range o.contestants(c, strings.Replace(server.url, host, relay.address(), 1), peer) {
		k.entries = append(k.entries, &entry{contestant: each, dir: filepath.Join(dir, fmt.Sprintf("kept-%d.git", len(k.entries)))})
	}
	defer func() { err = errors.Join(err, k.close()) }()
	if err := k.prepare(ctx); err != nil {
		return CaseReport{}, err
	}
	for round := range o.Pairs {
		fmt.Fprintf(log, "%s, round %d of %d\n", c.Name, round+1, o.Pairs)
		if err := k.round(ctx, round); err != nil {
			return CaseReport{}, err
		}
	}
	k.report.finish()
	return k.report, nil
}

// prepare gives every contestant that fetches again its repository, untimed, and starts the report.
func (k *contest) prepare(ctx context.Context) (err error) {
	if k.truth, err = readTruth(ctx, k.Repo, k.prefixes()); err != nil {
		return err
	}
	size, err := allocated(k.Repo)
	if err != nil {
		return err
	}
	k.report = CaseReport{
		Name: k.Name, Commits: k.truth.commits, Refs: strings.Count(k.truth.refs, "\n"), Bytes: size,
		First: Step{Name: "first fetch"}, Look: Step{Name: "no-change look"}, New: Step{Name: "one new commit"},
	}
	for _, e := range k.entries {
		if e.shown != "" {
			k.report.First.Rows = append(k.report.First.Rows, TransferRow{Name: e.name, How: e.shown})
		}
		if e.resume == nil {
			continue
		}
		k.report.Look.Rows = append(k.report.Look.Rows, TransferRow{Name: e.name, How: e.later})
		k.report.New.Rows = append(k.report.New.Rows, TransferRow{Name: e.name, How: e.later})
		if _, err := e.first(ctx, e.dir); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		if e.again, err = e.resume(ctx, e.dir); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		if _, err := e.again.fetch(ctx, 1); err != nil { // makes it know the server
			return fmt.Errorf("%s: %w", e.name, err)
		}
		if e.objects, err = countObjects(ctx, e.dir); err != nil {
			return err
		}
	}
	return nil
}

// close ends the processes of contestants.
func (k *contest) close() error {
	var errs []error
	for _, e := range k.entries {
		if e.again != nil {
			errs = append(errs, e.again.close())
		}
	}
	return errors.Join(errs...)
}

// round takes every contestant through the steps.
func (k *contest) round(ctx context.Context, round int) error {
	first := func(e *entry) (Transfer, error) { return k.first(ctx, e) }
	if err := k.turns(ctx, round, &k.report.First, first); err != nil || k.IsFirst {
		return err
	}
	look := func(e *entry) (Transfer, error) { return k.more(ctx, e, e.looks) }
	if err := k.turns(ctx, round, &k.report.Look, look); err != nil {
		return err
	}
	size, err := pushCommit(ctx, k.Repo, round)
	if err != nil {
		return err
	}
	k.report.NewCommits = append(k.report.NewCommits, size)
	if k.truth, err = readTruth(ctx, k.Repo, k.prefixes()); err != nil {
		return err
	}
	one := func(e *entry) (Transfer, error) { return k.more(ctx, e, 1) }
	if err := k.turns(ctx, round, &k.report.New, one); err != nil {
		return err
	}
	return k.dismiss()
}

// turns gives every contestant its turn at a step and checks its answer. Who goes first changes from round to round.
func (k *contest) turns(ctx context.Context, round int, step *Step, take func(*entry) (Transfer, error)) error {
	for i := range k.entries {
		e := k.entries[(round+i)%len(k.entries)]
		row := step.row(e.name)
		if row == nil || step != &k.report.First && e.again == nil {
			continue
		}
		t, err := take(e)
		if err == nil {
			err = k.truth.check(ctx, t.dir)
		}
		if err == nil && t.isTemporary {
			err = os.RemoveAll(filepath.Dir(t.dir))
		}
		if err != nil {
			return fmt.Errorf("%s, %s: %w", step.Name, e.name, err)
		}
		row.Samples = append(row.Samples, t)
		fmt.Fprintf(k.log, "  %s, %s: %.1f ms wall, %.1f ms CPU, %d bytes, %d objects\n",
			step.Name, e.name, t.Wall*1e3, t.CPU()*1e3, t.Bytes(), t.Objects)
	}
	return nil
}

// dismiss lets go of those that try the others' patience.
func (k *contest) dismiss() error {
	var errs []error
	for _, e := range k.entries {
		if e.again == nil || e.patience == 0 {
			continue
		}
		if last := k.report.New.row(e.name).Samples; last[len(last)-1].Wall > e.patience.Seconds() {
			fmt.Fprintf(k.log, "  %s fetches again no more: one new commit took longer than %s\n", e.name, e.patience)
			errs = append(errs, e.again.close())
			e.again = nil
		}
	}
	return errors.Join(errs...)
}

// first measures a first fetch.
func (k *contest) first(ctx context.Context, e *entry) (Transfer, error) {
	parent, err := os.MkdirTemp(k.dir, "first-")
	if err != nil {
		return Transfer{}, err
	}
	dir := filepath.Join(parent, "fetched.git")
	before := k.relay.traffic()
	s, err := e.first(ctx, dir)
	if err != nil {
		return Transfer{}, err
	}
	t := transferred(s, k.relay.traffic().since(before), 1)
	t.dir, t.isTemporary = dir, true
	if t.Disk, err = allocated(dir); err != nil {
		return Transfer{}, err
	}
	t.Objects, err = countObjects(ctx, dir)
	return t, err
}

// more measures fetches into the repository that a contestant keeps.
func (k *contest) more(ctx context.Context, e *entry, times int) (Transfer, error) {
	before := k.relay.traffic()
	s, err := e.again.fetch(ctx, times)
	if err != nil {
		return Transfer{}, err
	}
	t := transferred(s, k.relay.traffic().since(before), times)
	t.dir = e.dir
	objects, err := countObjects(ctx, e.dir)
	t.Objects, e.objects = objects-e.objects, objects
	return t, err
}
