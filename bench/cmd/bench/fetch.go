package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"keytrail/bench"
	"keytrail/bench/fetcher"
)

type fetchCmd struct {
	Repo      string        `help:"Bare repository to fetch, instead of a history."`
	History   string        `default:"kafka" help:"History to restore and fetch."`
	Histories string        `default:"../shared/histories" help:"Folder of histories with their restore script."`
	Trees     int           `default:"20000" help:"Commits of the made repository with real trees; 0 leaves it out."`
	Pairs     int           `default:"5" help:"Rounds, in each of which every contestant takes its turn."`
	Looks     int           `default:"20" help:"Looks of keytrail in a sample."`
	Only      string        `help:"Measure only the cases whose name holds this."`
	Work      string        `default:"bench/_work" help:"Where repositories are made and runs write."`
	Report    string        `default:"bench/report" help:"Where the report goes."`
	Timeout   time.Duration `default:"1h" help:"Longest time of it all."`
}

func (c *fetchCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("not done after %s", c.Timeout))
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	name, cases, err := c.cases(ctx)
	if err != nil {
		return err
	}
	report, err := bench.Fetch(ctx, bench.FetchOptions{
		Name:    name,
		Cases:   cases,
		Fetcher: []string{self, "fetcher"},
		Pairs:   c.Pairs,
		Looks:   c.Looks,
		Work:    c.Work,
	}, os.Stderr)
	if err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	fmt.Print(report.Markdown())
	return report.Write(c.Report)
}

// cases makes the repositories there are to fetch.
func (c *fetchCmd) cases(ctx context.Context) (name string, cases []bench.FetchCase, err error) {
	name, repo := c.History, c.Repo
	if repo == "" {
		fmt.Fprintln(os.Stderr, "restoring", name)
		if repo, err = bench.Restore(ctx, c.Histories, name, c.Work); err != nil {
			return "", nil, err
		}
	} else {
		name = strings.TrimSuffix(filepath.Base(repo), ".git")
	}
	other, err := bench.OtherPrefixes(ctx, repo)
	if err != nil {
		return "", nil, err
	}
	all := []bench.FetchCase{{Name: name + ", branches and tags", Repo: repo}}
	if len(other) > 0 {
		all = append(all, bench.FetchCase{Name: name + ", every ref", Repo: repo, Other: other})
	}
	if c.Trees > 0 {
		fmt.Fprintln(os.Stderr, "making a repository with real trees")
		made, err := bench.MakeTrees(ctx, c.Trees, c.Work)
		if err != nil {
			return "", nil, err
		}
		all = append(all, bench.FetchCase{Name: "real trees", Repo: made, IsFirst: true})
	}
	for _, one := range all {
		if strings.Contains(one.Name, c.Only) {
			cases = append(cases, one)
		}
	}
	return name, cases, nil
}

// fetcherCmd is the child process that fetches.
type fetcherCmd struct {
	Dir      string   `arg:""`
	URL      string   `arg:""`
	Refspecs []string `arg:"" optional:""`
	Engine   string   `default:"native" help:"Engine that fetches packs: native or libgit2."`
	Profile  string   `help:"Write a profile of CPU time to this file."`
}

func (c *fetcherCmd) Run(ctx context.Context) (err error) {
	if c.Profile != "" {
		file, err := os.Create(c.Profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	f, err := fetcher.New(fetcher.Options{Dir: c.Dir, URL: c.URL, Refspecs: c.Refspecs, Engine: c.Engine})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Serve(ctx, os.Stdin, os.Stdout)
}
