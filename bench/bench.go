// Package bench measures keytrail beside what a user would run instead, and writes down what it saw: [Index] for building
// an index, [Push] for one new commit until it answers, [Sweep] for many repositories that do not change, [Fetch] for
// fetching alone.
//
// For Index a case is a repository and how it is reached, from a folder or over http. keytrail and its peers run as child
// processes, in turn and several times over (A B C A B C), each into an empty directory, so that drift of a shared
// machine meets all. Before anything is timed, keytrail's whole answer is held against an independent reading of git log
// (package reference), and every peer must have read all there is: a wrong answer has no speed. What is kept of a run is
// wall time, CPU time and memory of the child and its own children, and the space that its files take.
//
// For Push and Sweep a keytrail daemon runs, and its time and memory are read from the outside.
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

// The cases of Index.
const (
	CaseFolder = "folder" // a bare repository, read in place
	CaseHTTP   = "http"   // the same over http, from nothing
)

// Options say what is measured, with which keytrail, and where.
type Options struct {
	Name     string        // of the history, in the report and its file names
	Repo     string        // bare repository
	HasTrees bool          // it has the trees and files of a real project, so that what is promised of remotes holds
	Keytrail string        // the binary
	Refspecs []string      // fetched beside branches and tags
	Cases    []string      // empty: all
	Rounds   int           // how often each command is timed, at least 1
	Work     string        // where runs write; made if missing, and each run's directory is removed after it
	Timeout  time.Duration // of one run; 0 for none
}

// Index compares building an index: from a folder, with git's and libgit2's ways to read the same history, with the least
// that inflating it takes, and with itself on one core; and over http into nothing, with a clone followed by git log.
// Progress goes to log, a line a run. It fails if keytrail's answers are not those of git log. It needs a C compiler, and
// the headers of libgit2 and libdeflate.
func Index(ctx context.Context, o Options, log io.Writer) (_ Report, err error) {
	if o, err = o.absolute(); err != nil {
		return Report{}, err
	}
	server, err := serve(o.Repo, "uploadpack.allowFilter=true")
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, server.close()) }()
	report, err := describe(ctx, o)
	if err != nil {
		return Report{}, err
	}
	tools, err := os.MkdirTemp(o.Work, "peers-")
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tools)) }()
	r := runner{Options: o, log: log}
	cases := indexCases(o, server.url, peers{dir: tools})
	if err := r.check(ctx, cases, peers{dir: tools}, &report); err != nil {
		return Report{}, err
	}
	if report.Cases, err = r.compare(ctx, cases); err != nil {
		return Report{}, err
	}
	report.judge(o.HasTrees)
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
	for _, name := range o.Cases {
		if name != CaseFolder && name != CaseHTTP {
			return o, fmt.Errorf("no case %q, there are %s and %s", name, CaseFolder, CaseHTTP)
		}
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

// impatience is how long a peer's run may take if it is to take part in every round.
const impatience = 2 * time.Minute

// compare times the commands of all cases, round by round. Who goes first changes from round to round.
func (r runner) compare(ctx context.Context, cases []indexCase) ([]IndexCase, error) {
	out := make([]IndexCase, len(cases))
	for i, c := range cases {
		out[i].Name = c.name
		for _, each := range c.commands {
			out[i].Rows = append(out[i].Rows, Row{Name: each.name, Command: each.shown})
		}
	}
	for round := range r.Rounds {
		for i, c := range cases {
			for turn := range c.commands {
				j := (round + turn) % len(c.commands)
				row := &out[i].Rows[j]
				if j > 0 && round > 0 && row.Samples[len(row.Samples)-1].Wall > impatience.Seconds() {
					continue
				}
				s, err := r.once(ctx, c.commands[j], nil)
				if err != nil {
					return nil, err
				}
				s.Round = round
				row.Samples = append(row.Samples, s)
				fmt.Fprintf(r.log, "round %d of %d, %s, %s: %.2f s wall, %.2f s CPU, %.0f MiB peak, %.0f MiB beyond files, %.1f MiB on disk\n",
					round+1, r.Rounds, c.name, row.Name, s.Wall, s.CPU(), mebi(s.Peak), mebi(s.Anonymous), mebi(s.Disk))
			}
		}
	}
	for i := range out {
		out[i].summarise()
	}
	return out, nil
}
