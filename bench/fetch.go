package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// FetchOptions say what is fetched, how often, and where to.
type FetchOptions struct {
	Name    string // of the measurement, in the report and its file names
	Cases   []FetchCase
	Fetcher []string // command of package fetcher, to which --engine, directory, URL and refspecs are added
	Pairs   int      // rounds, in each of which every contestant takes its turn; at least 1
	Looks   int      // of keytrail in a sample, at least 1
	Work    string   // where runs write; made if missing
}

// FetchCase is a repository, and which of its refs are fetched.
type FetchCase struct {
	Name    string   // in the report
	Repo    string   // bare repository; a copy of it is served
	Other   []string // prefixes of refs fetched beside branches and tags: refs/pull
	IsFirst bool     // measure the first fetch alone, beside a full git clone too: for a repository with real trees
}

func (c FetchCase) prefixes() []string {
	return append([]string{"refs/heads", "refs/tags"}, c.Other...)
}

func (c FetchCase) refspecs() []string {
	var specs []string
	for _, p := range c.prefixes() {
		specs = append(specs, refspec(p))
	}
	return specs
}

// Fetch compares fetching over http: into nothing, when nothing is new, and when one commit is. keytrail's own fetch runs
// beside git's and libgit2's, all against one server and in turn. After every fetch the refs and the number of commits must
// be the server's, or Fetch fails. Progress goes to log, a line a run. It needs a C compiler and libgit2's headers.
func Fetch(ctx context.Context, o FetchOptions, log io.Writer) (_ FetchReport, err error) {
	if o, err = o.absolute(); err != nil {
		return FetchReport{}, err
	}
	dir, err := os.MkdirTemp(o.Work, "fetch-")
	if err != nil {
		return FetchReport{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	peer := filepath.Join(dir, "libgit2-fetch")
	libgit2, err := buildPeer(ctx, peer, fetchSource, "libgit2")
	if err != nil {
		return FetchReport{}, err
	}
	report := FetchReport{Name: o.Name, Day: today(), Pairs: o.Pairs, Looks: o.Looks, Machine: machine()}
	if report.Versions, err = versions(ctx); err != nil {
		return FetchReport{}, err
	}
	report.Versions.Libgit2 = libgit2
	for i, c := range o.Cases {
		r, err := o.run(ctx, c, filepath.Join(dir, fmt.Sprint("case-", i)), peer, log)
		if err != nil {
			return FetchReport{}, fmt.Errorf("%s: %w", c.Name, err)
		}
		report.Cases = append(report.Cases, r)
	}
	floor, err := measure(ctx, []string{"true"})
	report.PeakFloor = floor.Peak
	return report, err
}

// absolute checks the options and makes paths mean the same in every child.
func (o FetchOptions) absolute() (FetchOptions, error) {
	if o.Pairs < 1 || o.Looks < 1 {
		return o, fmt.Errorf("pairs are %d and looks %d, want at least 1 of each", o.Pairs, o.Looks)
	}
	if len(o.Fetcher) == 0 || len(o.Cases) == 0 {
		return o, errors.New("nothing to measure: no fetcher or no case")
	}
	work, err := filepath.Abs(o.Work)
	if err != nil {
		return o, err
	}
	o.Work = work
	o.Cases = append([]FetchCase{}, o.Cases...)
	for i, c := range o.Cases {
		if o.Cases[i].Repo, err = filepath.Abs(c.Repo); err != nil {
			return o, err
		}
		if _, err := os.Stat(filepath.Join(c.Repo, "HEAD")); err != nil {
			return o, fmt.Errorf("%s is not a bare repository: %w", c.Repo, err)
		}
	}
	return o, os.MkdirAll(o.Work, 0o755)
}
