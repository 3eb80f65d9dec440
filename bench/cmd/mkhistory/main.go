// Command mkhistory writes a made-up git history, as a bare repository or as a fast-import stream.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"keytrail/bench/history"

	"github.com/alecthomas/kong"
)

// cli are the flags. A number left out has the preset's value, which for the default preset follows from the commits.
type cli struct {
	Dir    string `arg:"" optional:"" help:"New bare repository to write; without it the fast-import stream goes to standard output."`
	Preset string `enum:"default,demo" default:"default" help:"Start from the proportions of a large project (default) or the demo shop (demo)."`

	Commits   int      `help:"Commits; 0 for 100000, or 300 of the demo preset."`
	Seed      *uint64  `help:"Seed of every choice."`
	Merges    *float64 `help:"Share of merge commits, at most 0.5."`
	Branches  *int     `help:"Branches beside main."`
	Releases  *int     `help:"How many of the branches are release branches."`
	Tags      *int     `help:"Tags."`
	Annotated *float64 `help:"Share of tags that are tag objects."`
	Pulls     *int     `help:"Pull refs, refs/pull/N/head."`
	Notes     *int     `help:"Commits with a note."`
	Projects  []string `help:"Project keys, such as CORE,WEB."`
	Numbers   *int     `help:"Highest issue number of each project."`
	Keyless   *float64 `help:"Share of commits without a key."`
	KeysMean  *float64 `help:"Mean number of keys of the other commits."`
	Traps     *float64 `help:"Share of messages with text that only looks like a key."`
	BodyBytes *int     `help:"Mean size of a message beyond its subject."`
	Authors   *int     `help:"Different authors."`
	Trees     *bool    `help:"Small real trees instead of empty ones."`
	Files     *int     `help:"Files of a large real tree of which each commit edits a few."`
	Repack    bool     `help:"Repack with deltas at the end (slow)."`
}

func main() {
	var c cli
	kong.Parse(&c, kong.Description("Writes a made-up git history: the same flags give the same object ids everywhere."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mkhistory:", err)
		stop()
		os.Exit(1)
	}
}

func (c *cli) run(ctx context.Context) error {
	o := c.options()
	if c.Dir == "" {
		_, err := history.Write(os.Stdout, o)
		return err
	}
	start := time.Now()
	last := start
	sum, err := history.Create(ctx, c.Dir, o, func(commits int) {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(os.Stderr, "%d of %d commits\n", commits, o.Commits)
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d commits in %.1f s\n", c.Dir, sum.Commits, time.Since(start).Seconds())
	return json.NewEncoder(os.Stdout).Encode(sum)
}

func (c *cli) options() history.Options {
	o := history.Default(cmp.Or(c.Commits, 100_000))
	if c.Preset == "demo" {
		o = history.Demo()
		o.Commits = cmp.Or(c.Commits, o.Commits)
	}
	set(&o.Seed, c.Seed)
	set(&o.Merges, c.Merges)
	set(&o.Branches, c.Branches)
	set(&o.Releases, c.Releases)
	set(&o.Tags, c.Tags)
	set(&o.Annotated, c.Annotated)
	set(&o.Pulls, c.Pulls)
	set(&o.Notes, c.Notes)
	set(&o.Numbers, c.Numbers)
	set(&o.Keyless, c.Keyless)
	set(&o.KeysMean, c.KeysMean)
	set(&o.Traps, c.Traps)
	set(&o.BodyBytes, c.BodyBytes)
	set(&o.Authors, c.Authors)
	set(&o.Trees, c.Trees)
	set(&o.Files, c.Files)
	if len(c.Projects) > 0 {
		o.Projects = c.Projects
	}
	o.Repack = c.Repack
	return o
}

func set[T any](option *T, given *T) {
	if given != nil {
		*option = *given
	}
}
