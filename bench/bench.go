// Package bench measures keytrail beside what a user would run instead, and writes down what it saw: [Index] for building
// an index, [Fetch] for fetching.
//
// For Index a Comparison is a keytrail command and its peer. Both run as child processes, in turn and several times over
// (A B A B), each into an empty directory, so that drift of a shared machine meets both. Before anything is timed,
// keytrail's whole answer is held against an independent reading of git log (package reference): a wrong answer has no
// speed. What is kept of a run is wall time, CPU time and peak memory of the child and its own children, and the space
// that its files take.
//
// For Fetch a case is a repository and which of its refs are fetched, a step is what is done with it (a first fetch, a look
// that finds nothing new, one new commit), and the contestants are keytrail, git and libgit2. They fetch from one server in
// turn, through a relay that counts bytes, and every answer is held against the server's refs and commits.
//
//	report, err := bench.Index(ctx, bench.Options{Name: "kafka", Repo: "kafka.git", Keytrail: "bin/keytrail", Rounds: 5, Work: dir}, os.Stderr)
//	err = report.Write("bench/report")
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Options say what is measured, with which keytrail, and where.
type Options struct {
	Name     string        // of the history, in the report and its file names
	Repo     string        // bare repository
	Keytrail string        // the binary
	Refspecs []string      // fetched beside branches and tags
	Rounds   int           // how often each command is timed, at least 1
	Work     string        // where runs write; made if missing, and each run's directory is removed after it
	Timeout  time.Duration // of one run; 0 for none
}

// Index compares building an index: from a folder, with git log of that folder and a search for keys; and over http
// into nothing, with a clone followed by the same search. Progress goes to log, a line a run. It fails if keytrail's
// answers are not those of git log.
func Index(ctx context.Context, o Options, log io.Writer) (_ Report, err error) {
	if o, err = o.absolute(); err != nil {
		return Report{}, err
	}
	server, err := serve(o.Repo)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, server.close()) }()
	report, err := describe(ctx, o)
	if err != nil {
		return Report{}, err
	}
	r := runner{Options: o, log: log}
	pairs := indexPairs(o, server.url)
	if err := r.check(ctx, pairs, &report); err != nil {
		return Report{}, err
	}
	if report.Comparisons, err = r.compare(ctx, pairs); err != nil {
		return Report{}, err
	}
	floor, err := r.once(ctx, command{name: "nothing", argv: func(string) []string { return []string{"true"} }}, nil)
	report.PeakFloor = floor.Peak
	return report, err
}

// absolute checks the options and makes paths mean the same in every child.
func (o Options) absolute() (Options, error) {
	if o.Rounds < 1 {
		return o, fmt.Errorf("rounds is %d, want at least 1", o.Rounds)
	}
	for _, p := range []*string{&o.Repo, &o.Keytrail, &o.Work} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return o, err
		}
		*p = abs
	}
	if _, err := os.Stat(filepath.Join(o.Repo, "HEAD")); err != nil {
		return o, fmt.Errorf("%s is not a bare repository: %w", o.Repo, err)
	}
	if _, err := os.Stat(o.Keytrail); err != nil {
		return o, fmt.Errorf("no keytrail to measure, build it or name it with --keytrail: %w", err)
	}
	return o, os.MkdirAll(o.Work, 0o755)
}

// runner runs commands, each in a directory of its own.
type runner struct {
	Options
	log io.Writer
}

// once runs a command in a new directory, gives that to after, which may be nil, and removes it.
func (r runner) once(ctx context.Context, c command, after func(dir string) error) (_ Sample, err error) {
	dir, err := os.MkdirTemp(r.Work, "run-")
	if err != nil {
		return Sample{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.Timeout, fmt.Errorf("not done after %s", r.Timeout))
		defer cancel()
	}
	s, err := measure(ctx, c.argv(dir))
	if err == nil {
		s.Disk, err = allocated(dir)
	}
	if err == nil {
		s.Index, err = allocated(filepath.Join(dir, dataDir, indexDir))
		if errors.Is(err, fs.ErrNotExist) { // a peer keeps none
			err = nil
		}
	}
	if err == nil && after != nil {
		err = after(dir)
	}
	if err != nil {
		return Sample{}, fmt.Errorf("%s: %w", c.name, err)
	}
	return s, nil
}

// compare times the pairs, round by round.
func (r runner) compare(ctx context.Context, pairs []pair) ([]Comparison, error) {
	out := make([]Comparison, len(pairs))
	for i, p := range pairs {
		out[i] = Comparison{Name: p.name, Subject: Row{Name: p.subject.name, Command: p.subject.shown}, Peer: Row{Name: p.peer.name, Command: p.peer.shown}}
	}
	for round := 1; round <= r.Rounds; round++ {
		for i, p := range pairs {
			for _, side := range []struct {
				command
				row *Row
			}{{p.subject, &out[i].Subject}, {p.peer, &out[i].Peer}} {
				s, err := r.once(ctx, side.command, nil)
				if err != nil {
					return nil, err
				}
				side.row.Samples = append(side.row.Samples, s)
				fmt.Fprintf(r.log, "round %d of %d, %s: %.2f s wall, %.2f s CPU, %.0f MiB peak, %.1f MiB on disk\n",
					round, r.Rounds, side.name, s.Wall, s.CPU(), mebi(s.Peak), mebi(s.Disk))
			}
		}
	}
	for i := range out {
		out[i].summarise()
	}
	return out, nil
}
