package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"keytrail/bench"
)

type indexCmd struct {
	source
	Case    []string      `help:"Measure only this case: folder or http."`
	Refspec []string      `default:"+refs/pull/*:refs/pull/*" help:"Refspecs fetched beside branches and tags."`
	Rounds  int           `default:"5" help:"How often each command is timed."`
	Timeout time.Duration `default:"30m" help:"Longest time of one run."`
	place
}

// Help is the text below the summary of index.
func (indexCmd) Help() string {
	return `The kafka history, a made one of any size, or your own repository:

    bench index
    bench index --commits 1000000 --case folder --rounds 3
    bench index --trees 20000 --case http
    bench index --repo linux.git

Made and restored histories are kept in the work directory. Compilers and headers that peers need: cc, libgit2-dev, libdeflate-dev.`
}

func (c *indexCmd) Run(ctx context.Context) error {
	name, repo, err := c.source.get(ctx, c.Work)
	if err != nil {
		return err
	}
	report, err := bench.Index(ctx, bench.Options{
		Name:     name,
		Repo:     repo,
		HasTrees: c.Trees > 0,
		Keytrail: c.Keytrail,
		Refspecs: c.Refspec,
		Cases:    c.Case,
		Rounds:   c.Rounds,
		Work:     c.Work,
		Timeout:  c.Timeout,
	}, os.Stderr)
	if err != nil {
		return err
	}
	fmt.Print(report.Markdown())
	return report.Write(c.Report)
}

// place is what runs, and where they write.
type place struct {
	Keytrail string `default:"bin/keytrail" help:"The keytrail to measure."`
	Work     string `default:"bench/_work" help:"Where histories are kept and runs write."`
	Report   string `default:"bench/report" help:"Where the report goes."`
}

// source is the repository that is measured: the first of these that is given.
type source struct {
	Repo      string `help:"Bare repository of your own."`
	Commits   int    `help:"Made history of this many commits."`
	Trees     int    `help:"Made history of this many commits with the trees of a real project."`
	History   string `default:"kafka" help:"History to restore."`
	Histories string `default:"../shared/histories" help:"Folder of histories with their restore script."`
}

// get makes or restores the repository where that is needed, and gives its name in reports.
func (s *source) get(ctx context.Context, work string) (name, repo string, err error) {
	switch {
	case s.Repo != "":
		repo = s.Repo
	case s.Trees > 0:
		fmt.Fprintln(os.Stderr, "making a repository with real trees")
		repo, err = bench.MakeTrees(ctx, s.Trees, work)
	case s.Commits > 0:
		fmt.Fprintf(os.Stderr, "making a history of %d commits\n", s.Commits)
		repo, err = bench.MakeHistory(ctx, s.Commits, work)
	default:
		fmt.Fprintln(os.Stderr, "restoring", s.History)
		repo, err = bench.Restore(ctx, s.Histories, s.History, work)
	}
	return strings.TrimSuffix(filepath.Base(repo), ".git"), repo, err
}
