package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"keytrail/bench/history"
)

// SweepOptions say how many repositories are looked at, and how often.
type SweepOptions struct {
	Keytrail string // the binary
	Counts   []int  // of repositories, a case each
	Sweeps   int    // of each case, at least 2
	Peers    int    // how many of the repositories git asks, at least 1
	Work     string // where repositories are kept and runs write; made if missing
}

// sweepCommits is how many commits a small repository has.
const sweepCommits = 20

// sweepName is that of a small repository.
func sweepName(i int) string { return "small-" + strconv.Itoa(i+1) }

// Sweep measures what looks at many small repositories cost a daemon in which nothing changes, over http from git
// http-backend, beside git ls-remote of some of them. At the end the daemon's whole answer must be that of git log in each.
func Sweep(ctx context.Context, o SweepOptions, log io.Writer) (SweepReport, error) {
	if o.Sweeps < 2 || o.Peers < 1 || len(o.Counts) == 0 {
		return SweepReport{}, fmt.Errorf("%d sweeps of %d cases beside %d of git: want at least 2, 1 and 1", o.Sweeps, len(o.Counts), o.Peers)
	}
	for _, p := range []*string{&o.Keytrail, &o.Work} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return SweepReport{}, err
		}
		*p = abs
	}
	r := SweepReport{Name: "sweep", Day: today(), Machine: machine()}
	var err error
	if r.Versions, err = versions(ctx); err != nil {
		return SweepReport{}, err
	}
	if r.Versions.Keytrail, err = output(ctx, o.Keytrail, "version"); err != nil {
		return SweepReport{}, err
	}
	for _, n := range o.Counts {
		c, err := o.run(ctx, n, log)
		if err != nil {
			return SweepReport{}, fmt.Errorf("%s: %w", plural(n), err)
		}
		r.Cases = append(r.Cases, c)
	}
	return r, nil
}

// makeSmall makes the first n small repositories of a folder, each with a history of its own. Those that are there stay.
func makeSmall(ctx context.Context, folder string, n int) error {
	for i := range n {
		o := history.Default(sweepCommits)
		o.Seed = uint64(i + 1)
		if _, err := makeRepository(ctx, sweepName(i), o, folder); err != nil {
			return err
		}
	}
	return nil
}

func (o SweepOptions) run(ctx context.Context, n int, log io.Writer) (_ SweepCase, err error) {
	folder := filepath.Join(o.Work, "small")
	fmt.Fprintf(log, "making what is not there of %s\n", plural(n))
	if err := makeSmall(ctx, folder, n); err != nil {
		return SweepCase{}, err
	}
	server, err := serveFolder(folder, "uploadpack.allowFilter=true")
	if err != nil {
		return SweepCase{}, err
	}
	defer func() { err = errors.Join(err, server.close()) }()
	dir, err := os.MkdirTemp(o.Work, "sweep-")
	if err != nil {
		return SweepCase{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	repositories := make([]served, n)
	for i := range repositories {
		name := sweepName(i)
		repositories[i] = served{name, server.url + "/" + name + ".git"}
	}
	w := sweep{SweepOptions: o, folder: folder, log: log, server: server, repositories: repositories, result: SweepCase{Name: plural(n), Repositories: n}}
	start := time.Now()
	if w.daemon, err = startDaemon(ctx, o.Keytrail, dir, nil, repositories); err != nil {
		return SweepCase{}, err
	}
	defer func() { err = errors.Join(err, w.daemon.close()) }()
	if err := w.daemon.untilIndexed(ctx, n, start); err != nil {
		return SweepCase{}, err
	}
	w.result.First = time.Since(start).Seconds()
	err = w.measure(ctx)
	return w.result, err
}

func plural(n int) string {
	if n == 1 {
		return "1 repository"
	}
	return fmt.Sprintf("%d repositories", n)
}

// sweep is a case under way.
type sweep struct {
	SweepOptions
	folder       string
	log          io.Writer
	server       *server
	daemon       *daemon
	repositories []served
	result       SweepCase
}

func (w *sweep) measure(ctx context.Context) error {
	for range w.Sweeps {
		s, err := w.once(ctx)
		if err != nil {
			return err
		}
		w.result.Samples = append(w.result.Samples, s)
		fmt.Fprintf(w.log, "a sweep of %s: %.2f ms CPU each, %.1f s wall, %.1f MiB beyond files\n",
			w.result.Name, s.CPU/float64(w.result.Repositories)*perThousand, s.Wall, mebi(s.Anonymous))
		if err := w.peer(ctx); err != nil {
			return err
		}
	}
	if err := w.check(ctx); err != nil {
		return err
	}
	w.result.finish()
	return nil
}

// once has the daemon look at every repository.
func (w *sweep) once(ctx context.Context) (SweepSample, error) {
	start := time.Now()
	spent, err := w.daemon.cost(ctx, w.server, func() error {
		for id := range w.repositories {
			if err := w.daemon.post(ctx, fmt.Sprintf("/api/v1/repositories/%d/reindex", id+1), ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return SweepSample{}, err
	}
	s := SweepSample{CPU: spent.Seconds(), Wall: time.Since(start).Seconds(), Anonymous: anonymousOf(w.daemon.cmd.Process.Pid)}
	n, failed, err := w.daemon.succeeded(ctx, start)
	if err == nil && n < len(w.repositories) {
		err = fmt.Errorf("the daemon came to rest after %d looks of %d %s", n, len(w.repositories), failed)
	}
	return s, err
}

// peer has git ask some of the repositories for their refs, a process each.
func (w *sweep) peer(ctx context.Context) error {
	for i := range min(w.Peers, len(w.repositories)) {
		s, err := measure(ctx, []string{"git", "ls-remote", "--quiet", w.repositories[i].url})
		if err != nil {
			return err
		}
		w.result.Git = append(w.result.Git, s.CPU())
	}
	return nil
}

// check holds the daemon's answer against git log of every repository.
func (w *sweep) check(ctx context.Context) error {
	fmt.Fprintln(w.log, "checking the whole answer")
	var want bag
	for _, r := range w.repositories {
		var whole Report
		one := runner{Options: Options{Repo: filepath.Join(w.folder, r.name+".git")}, log: w.log}
		e, err := one.expected(ctx, &whole)
		if err != nil {
			return err
		}
		want.join(e.pairs)
		w.result.Commits += whole.Repository.Commits
	}
	var got bag
	all := runner{Options: Options{Keytrail: w.Keytrail}, log: w.log}
	if err := all.export(ctx, []string{"--url", "http://" + w.daemon.address}, got.add); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("keytrail's answer is not git log's: it has %d (key, commit) pairs, git log has %d", got.n, want.n)
	}
	return nil
}
