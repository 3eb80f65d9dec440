package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"keytrail/daemon/config"
	"keytrail/indexer"
	"keytrail/storage"
)

type indexCommand struct {
	Data    string   `help:"Data directory; made when missing." placeholder:"DIR" required:"" type:"path"`
	Refspec []string `help:"Refs to index beside heads, tags and notes, as +refs/pull/*:refs/pull/*." placeholder:"SPEC" sep:"none"`
	access
	JSON bool     `name:"json" help:"Print the summary as JSON, a line for each repository."`
	Repo []string `arg:"" help:"Repositories, by path or URL."`
}

// Help is the text below the summary of index.
func (indexCommand) Help() string {
	return `A remote repository is fetched into the data directory, one on this machine is read in place. A further run takes what
is new:

    keytrail index --data ./data https://git.example.com/acme/shop.git /srv/git/tools
    keytrail index --data ./data --username bot --password-file ./password https://git.example.com/acme/shop.git
    keytrail index --data ./data --ssh-key ~/.ssh/id_ed25519 git@git.example.com:acme/shop.git

Then ask: keytrail query --data ./data SHOP-1. What has no flag, as headers and limits, is for the configuration file of
serve.`
}

// summary is what index tells of one repository.
type summary struct {
	Repository      string   `json:"repository"`
	ID              uint32   `json:"id"`
	Changed         bool     `json:"changed"`
	Refs            int      `json:"refs"`
	Commits         int64    `json:"commits"`
	Postings        int64    `json:"postings"`
	CommitsAdded    int64    `json:"commits_added"`
	CommitsDropped  int64    `json:"commits_dropped"`
	PostingsAdded   int64    `json:"postings_added"`
	PostingsDropped int64    `json:"postings_dropped"`
	ReceivedBytes   int64    `json:"received_bytes"`
	Seconds         float64  `json:"seconds"`
	NoCommit        []string `json:"refs_without_commit,omitempty"`
	Refused         []string `json:"refs_refused,omitempty"`
	Error           string   `json:"error,omitempty"`
	ErrorClass      string   `json:"error_class,omitempty"`
}

// atOnce is how many repositories index works on at a time.
const atOnce = 4

// Run indexes the repositories once. One that fails does not keep the others from being indexed.
func (c *indexCommand) Run(ctx context.Context, p Process) error {
	as, err := c.credentials()
	if err != nil {
		return usageError{err}
	}
	settings := config.Default()
	settings.Refs.Other = c.Refspec
	c.apply(settings)
	transports := newTransports()
	defer transports.close()
	plan, err := newPlan(settings, transports)
	if err != nil {
		return usageError{err}
	}
	targets, err := namedTargets(c.Repo, settings, as, transports)
	if err != nil {
		return err
	}
	targets = distinct(targets)
	log := consoleLog(p, zerolog.ErrorLevel)
	store, err := dataDir(c.Data).open(log, p, memoryOf(settings.Limits))
	if err != nil {
		return err
	}
	x := indexer.New(indexer.Options{
		Store: store, Mirrors: dataDir(c.Data).mirrors(), Rules: plan.rules, Limits: plan.limits,
		Log: zerolog.Nop(), Registerer: prometheus.NewRegistry(),
	})
	ids, err := x.SetTargets(ctx, targets, false)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	summaries := c.indexAll(ctx, p, x, store, ids, targets)
	err = errors.Join(c.print(p, summaries), x.Close(), store.Close(), ctx.Err())
	if failed := slices.ContainsFunc(summaries, func(s summary) bool { return s.Error != "" }); failed && err == nil {
		return errors.New("not every repository could be indexed")
	}
	return err
}

func (c *indexCommand) indexAll(ctx context.Context, p Process, x *indexer.Indexer, store storage.Store, ids []storage.RepositoryID, targets []indexer.Target) []summary {
	show := newProgress(p.Stderr)
	defer show.wait()
	var mu sync.Mutex
	summaries := make([]summary, len(ids))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, id := range ids {
		g.Go(func() error {
			bar := show.add(targets[i].Spec.Name)
			result, err := x.Look(ctx, id, bar.update)
			bar.done(err)
			s := summarise(targets[i].Spec.Name, id, result, err)
			if r, known := store.Repository(ctx, id); known == nil {
				s.Commits, s.Postings = r.Commits, r.Postings
				if err != nil && r.Version == 0 {
					// What never was a repository is not kept for a daemon to come back to.
					_ = store.Forget(ctx, id) // the failure that counts is in the summary
				}
			}
			mu.Lock()
			defer mu.Unlock()
			summaries[i] = s
			return nil
		})
	}
	_ = g.Wait() // failures are in the summaries
	return summaries
}

func summarise(name string, id storage.RepositoryID, r indexer.Result, err error) summary {
	s := summary{
		Repository: name, ID: uint32(id), Changed: r.Changed, Refs: r.Refs,
		CommitsAdded: r.Advanced.CommitsAdded, CommitsDropped: r.Advanced.CommitsDropped,
		PostingsAdded: r.Advanced.PostingsAdded, PostingsDropped: r.Advanced.PostingsDropped,
		ReceivedBytes: r.Bytes, Seconds: r.Took.Seconds(), NoCommit: r.NoCommit,
	}
	for _, f := range r.Refused {
		s.Refused = append(s.Refused, fmt.Sprintf("%q: %s", f.Name, f.Reason))
	}
	if err != nil {
		s.Error, s.ErrorClass = err.Error(), string(indexer.Classify(err))
	}
	return s
}

func (c *indexCommand) print(p Process, summaries []summary) error {
	encoder := json.NewEncoder(p.Stdout)
	for _, s := range summaries {
		var err error
		switch {
		case c.JSON:
			err = encoder.Encode(s)
		case s.Error != "":
			_, err = fmt.Fprintf(p.Stdout, "%s: not indexed (%s): %s\n", s.Repository, s.ErrorClass, s.Error)
		default:
			_, err = fmt.Fprint(p.Stdout, s.text())
		}
		if err != nil {
			return fmt.Errorf("print the summary: %w", err)
		}
	}
	return nil
}

// text is the summary for people.
func (s *summary) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s, %s", s.Repository, plural(s.Refs, "ref"), plural(s.Commits, "commit"), plural(s.Postings, "posting"))
	if s.Changed {
		fmt.Fprintf(&b, " (+%d -%d commits) in %s", s.CommitsAdded, s.CommitsDropped,
			time.Duration(s.Seconds*float64(time.Second)).Round(time.Millisecond))
	} else {
		b.WriteString(", unchanged")
	}
	if s.ReceivedBytes > 0 {
		fmt.Fprintf(&b, ", %.1f MB received", float64(s.ReceivedBytes)/1e6)
	}
	b.WriteByte('\n')
	if s.Refs == 0 {
		fmt.Fprintf(&b, "%s: it has no refs, so there is nothing to index yet\n", s.Repository)
	}
	if n := len(s.NoCommit); n > 0 {
		fmt.Fprintf(&b, "%s: %s without a commit, not indexed: %s\n", s.Repository, plural(n, "ref"), some(s.NoCommit))
	}
	if n := len(s.Refused); n > 0 {
		fmt.Fprintf(&b, "%s: %s refused: %s\n", s.Repository, plural(n, "ref"), some(s.Refused))
	}
	return b.String()
}

// some lists the first few names.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
