package bench

import (
	"context"
	"path/filepath"
	"strconv"
	"time"
)

// contestant is one way to fetch. It keeps a bare repository up to date.
type contestant struct {
	name  string
	first func(ctx context.Context, dir string) (Sample, error) // fetches into a directory that does not exist
	shown string                                                // how, with URL and DIR; "" keeps it out of that step
	// resume gives what fetches again into the directory of a first fetch. Nil: it is measured at the first fetch alone.
	resume func(ctx context.Context, dir string) (again, error)
	later  string // how, for the report
	looks  int    // how many looks make a sample
	// patience is how long one new commit may take, if it is limited: a contestant that is beyond it fetches nothing again
	// in later rounds.
	patience time.Duration
}

// again fetches into a repository that has been fetched before.
type again interface {
	// fetch fetches some times and gives what one of them took.
	fetch(ctx context.Context, times int) (Sample, error)
	close() error
}

// processes fetches with one process each time.
type processes []string

func (p processes) fetch(ctx context.Context, times int) (Sample, error) {
	var sum Sample
	for range times {
		s, err := measure(ctx, p)
		if err != nil {
			return Sample{}, err
		}
		n := float64(times)
		sum.Wall += s.Wall / n
		sum.User += s.User / n
		sum.System += s.System / n
		sum.Peak = max(sum.Peak, s.Peak)
	}
	return sum, nil
}

func (processes) close() error { return nil }

// patience with libgit2, whose own negotiation takes minutes with tens of thousands of refs.
const patience = 10 * time.Second

// fewLooks is how many looks make a sample of a contestant that takes its time.
const fewLooks = 4

// The names of contestants, which goals are looked up by.
const (
	nameKeytrail = "keytrail"
	nameEngine   = "keytrail, engine libgit2"
	nameGit      = "git, filter tree:0"
	nameGitLean  = "git, every saving"
	nameGitFull  = "git, full"
	nameLibgit2  = "libgit2"
)

// contestants of a case. The first is keytrail.
func (o FetchOptions) contestants(c FetchCase, url, peer string) []contestant {
	if !c.IsFirst {
		return []contestant{o.native(c, url), gitFiltered(c, url), gitLean(c, url), o.engine(c, url), libgit2(c, url, peer)}
	}
	list := []contestant{o.native(c, url), gitFiltered(c, url), gitFull(url), libgit2(c, url, peer)}
	for i := range list {
		list[i].resume = nil
	}
	return list
}

// native is keytrail with its own engine, which is the default.
func (o FetchOptions) native(c FetchCase, url string) contestant {
	k := o.keytrail(c, url, "native")
	k.name = nameKeytrail
	return k
}

// engine is keytrail with its other engine.
func (o FetchOptions) engine(c FetchCase, url string) contestant {
	k := o.keytrail(c, url, "libgit2")
	k.name = nameEngine
	k.patience = patience
	return k
}

func (o FetchOptions) keytrail(c FetchCase, url, engine string) contestant {
	argv := func(dir string) []string {
		argv := append(append([]string{}, o.Fetcher...), "--engine="+engine, dir, url)
		for _, prefix := range c.Other {
			argv = append(argv, refspec(prefix))
		}
		return argv
	}
	return contestant{
		first:  func(ctx context.Context, dir string) (Sample, error) { return firstTurn(ctx, argv(dir)) },
		shown:  "look and fetch as the daemon does, in a process that was just started",
		resume: func(ctx context.Context, dir string) (again, error) { return startWorker(ctx, argv(dir)) },
		later:  "the same in a process that runs on, " + strconv.Itoa(o.Looks) + " looks a sample",
		looks:  o.Looks,
	}
}

func libgit2(c FetchCase, url, peer string) contestant {
	argv := func(dir string) []string { return append([]string{peer, dir, url}, c.refspecs()...) }
	return contestant{
		name:     nameLibgit2,
		first:    func(ctx context.Context, dir string) (Sample, error) { return firstTurn(ctx, argv(dir)) },
		shown:    "git_remote_fetch, which knows no filter, in a process that was just started",
		resume:   func(ctx context.Context, dir string) (again, error) { return startWorker(ctx, argv(dir)) },
		later:    "the same in a process that runs on, " + strconv.Itoa(fewLooks) + " looks a sample",
		looks:    fewLooks,
		patience: patience,
	}
}

func gitFiltered(c FetchCase, url string) contestant {
	form := "--bare"
	if len(c.Other) > 0 {
		form = "--mirror" // the only clone that brings other refs too
	}
	return contestant{
		name: nameGit,
		first: func(ctx context.Context, dir string) (Sample, error) {
			return measure(ctx, []string{"git", "clone", "--quiet", form, "--filter=tree:0", url, dir})
		},
		shown:  "`git clone " + form + " --filter=tree:0 URL DIR`",
		resume: gitFetch(c, "--prune", "--no-auto-maintenance"),
		later:  "`git fetch --prune --no-auto-maintenance origin REFSPEC…`, a process each, " + strconv.Itoa(fewLooks) + " looks a sample",
		looks:  fewLooks,
	}
}

// gitLean is git without what can be left out of a fetch: it notices no deleted ref, and follows no tag.
func gitLean(c FetchCase, url string) contestant {
	g := gitFiltered(c, url)
	g.name = nameGitLean
	g.shown = ""
	g.resume = gitFetch(c, "--no-prune", "--no-auto-maintenance", "--no-tags", "--no-write-fetch-head")
	g.later = "`git fetch --no-prune --no-auto-maintenance --no-tags --no-write-fetch-head origin REFSPEC…`"
	return g
}

// gitFetch fetches again with git. Maintenance is left out: it would run on beside whoever is next.
func gitFetch(c FetchCase, flags ...string) func(context.Context, string) (again, error) {
	return func(_ context.Context, dir string) (again, error) {
		argv := append([]string{"git", "--git-dir", dir, "fetch", "--quiet"}, flags...)
		return processes(append(append(argv, "origin"), c.refspecs()...)), nil
	}
}

func gitFull(url string) contestant {
	return contestant{
		name: nameGitFull,
		first: func(ctx context.Context, dir string) (Sample, error) {
			return measure(ctx, []string{"git", "clone", "--quiet", "--bare", url, dir})
		},
		shown: "`git clone --bare URL DIR`",
	}
}

// refspec fetches the refs below a prefix under their own names.
func refspec(prefix string) string {
	return "+" + filepath.Join(prefix, "*") + ":" + filepath.Join(prefix, "*")
}
