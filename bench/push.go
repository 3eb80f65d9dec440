package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// PushOptions say what is pushed to, and how often.
type PushOptions struct {
	Name     string   // of the history, in the report and its file names
	Repo     string   // bare repository; a copy of it is served
	Keytrail string   // the binary
	Refspecs []string // fetched beside branches and tags
	Costs    int      // pushes whose cost is measured, each beside a look that finds nothing new; at least 1
	Pushes   int      // pushes whose way to an answer is timed, at least 1
	Work     string   // where runs write; made if missing
	// Nudge is the path on the daemon that is posted to after a push, and Body what is posted: as a host's webhook does, or
	// by hand.
	Nudge, Body string
}

// Push measures what one new commit costs a daemon that has the repository over http, beyond a look that finds nothing
// new, and how long it takes from the nudge until the commit answers a query for its key. git fetch, in a mirror of its
// own, runs beside it. At the end the daemon's whole answer must be git log's.
func Push(ctx context.Context, o PushOptions, log io.Writer) (_ PushReport, err error) {
	checked, err := Options{Name: o.Name, Repo: o.Repo, Keytrail: o.Keytrail, Rounds: min(o.Costs, o.Pushes), Work: o.Work}.absolute()
	if err != nil {
		return PushReport{}, err
	}
	dir, err := os.MkdirTemp(checked.Work, "push-")
	if err != nil {
		return PushReport{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	repo := filepath.Join(dir, filepath.Base(checked.Repo))
	if err := os.CopyFS(repo, os.DirFS(checked.Repo)); err != nil {
		return PushReport{}, fmt.Errorf("copy the repository to serve it: %w", err)
	}
	checked.Repo = repo
	whole, err := describe(ctx, checked)
	if err != nil {
		return PushReport{}, err
	}
	server, err := serve(repo, "uploadpack.allowFilter=true")
	if err != nil {
		return PushReport{}, err
	}
	defer func() { err = errors.Join(err, server.close()) }()
	p := push{options: o, runner: runner{checked, log}, server: server, clone: filepath.Join(dir, cloneDir)}
	p.report = PushReport{Name: o.Name, Day: today(), Machine: whole.Machine, Versions: whole.Versions}
	start := time.Now()
	if p.daemon, err = startDaemon(ctx, checked.Keytrail, dir, o.Refspecs, []served{{o.Name, server.url}}); err != nil {
		return PushReport{}, err
	}
	defer func() { err = errors.Join(err, p.daemon.close()) }()
	if err := p.daemon.untilIndexed(ctx, 1, start); err != nil {
		return PushReport{}, err
	}
	err = p.run(ctx)
	return p.report, err
}

// push is a measurement under way.
type push struct {
	options PushOptions
	runner  runner
	server  *server
	daemon  *daemon
	clone   string // git's own mirror
	number  int    // of the next push
	report  PushReport
}

func (p *push) run(ctx context.Context) error {
	if _, err := output(ctx, "git", "clone", "--quiet", "--mirror", "--filter=tree:0", p.server.url, p.clone); err != nil {
		return err
	}
	for range p.options.Costs {
		if err := p.cost(ctx); err != nil {
			return err
		}
	}
	for range p.options.Pushes {
		if err := p.time(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintln(p.runner.log, "checking the whole answer")
	var whole Report
	want, err := p.runner.expected(ctx, &whole)
	if err != nil {
		return err
	}
	p.report.Repository = whole.Repository
	refs, err := output(ctx, "git", "--git-dir", p.runner.Repo, "for-each-ref", "--format=.")
	if err != nil {
		return err
	}
	p.report.Repository.Refs = strings.Count(refs, ".")
	if err := p.runner.sameAnswer(ctx, []string{"--url", "http://" + p.daemon.address}, want.pairs); err != nil {
		return err
	}
	p.report.finish()
	return nil
}

// cost measures a look that finds nothing new and then one that finds a commit, and git fetch of the same.
func (p *push) cost(ctx context.Context) error {
	nudge := func() error { return p.daemon.post(ctx, p.options.Nudge, p.options.Body) }
	look, err := p.daemon.cost(ctx, p.server, nudge)
	if err != nil {
		return err
	}
	key, err := p.commit(ctx)
	if err != nil {
		return err
	}
	one, err := p.daemon.cost(ctx, p.server, nudge)
	if err != nil {
		return err
	}
	if found, err := p.answers(ctx, key); err != nil || !found {
		return errors.Join(err, fmt.Errorf("the daemon has come to rest without the commit of %s", key))
	}
	git, err := measure(ctx, []string{"git", "--git-dir", p.clone, "fetch", "--quiet", "--prune", "--no-auto-maintenance", "origin"})
	if err != nil {
		return err
	}
	sample := PushCost{Look: look.Seconds(), Push: one.Seconds(), Git: git.CPU(), GitWall: git.Wall}
	p.report.Costs = append(p.report.Costs, sample)
	fmt.Fprintf(p.runner.log, "a look %.1f ms CPU, with one new commit %.1f ms; git fetch %.0f ms\n", sample.Look*1e3, sample.Push*1e3, sample.Git*1e3)
	return nil
}

// pollEvery is how long the one who waits for an answer lets pass before asking again.
const pollEvery = 2 * time.Millisecond

// patienceWithPush is how long a commit may take to answer.
const patienceWithPush = time.Minute

// time measures how long a pushed commit takes from the nudge to an answer.
func (p *push) time(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patienceWithPush, fmt.Errorf("a pushed commit does not answer after %s", patienceWithPush))
	defer cancel()
	if _, err := p.daemon.settle(ctx, p.server); err != nil {
		return err
	}
	key, err := p.commit(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := p.daemon.post(ctx, p.options.Nudge, p.options.Body); err != nil {
		return err
	}
	for {
		found, err := p.answers(ctx, key)
		if err != nil {
			return err
		}
		if found {
			break
		}
		if err := pause(ctx, pollEvery); err != nil {
			return err
		}
	}
	took := time.Since(start)
	p.report.Latencies = append(p.report.Latencies, took.Seconds())
	fmt.Fprintf(p.runner.log, "%s answers after %.1f ms\n", key, took.Seconds()*1e3)
	return nil
}

// commit pushes one commit and gives the key that it names.
func (p *push) commit(ctx context.Context) (key string, err error) {
	if _, err := pushCommit(ctx, p.runner.Repo, p.number); err != nil {
		return "", err
	}
	p.number++
	return fmt.Sprintf("PUSH-%d", p.number), nil
}

// answers reports whether the daemon knows a commit of the key.
func (p *push) answers(ctx context.Context, key string) (bool, error) {
	var answer struct {
		Commits []struct{} `json:"commits"`
	}
	err := p.daemon.get(ctx, "/api/v1/issues/"+key+"/commits?limit=1", &answer)
	return len(answer.Commits) > 0, err
}
