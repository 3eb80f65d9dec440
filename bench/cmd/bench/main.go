// Command bench measures keytrail beside its peers and writes the report.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"keytrail/bench"

	"github.com/alecthomas/kong"
)

type cli struct {
	Index   indexCmd   `cmd:"" help:"Compare building an index with git log and grep, from a folder and over http."`
	Fetch   fetchCmd   `cmd:"" help:"Compare fetching over http with git and libgit2."`
	Fetcher fetcherCmd `cmd:"" hidden:"" help:"Fetch, as a child of fetch does."`
}

type indexCmd struct {
	Keytrail  string        `default:"bin/keytrail" help:"The keytrail to measure."`
	Repo      string        `help:"Bare repository to index, instead of a history."`
	History   string        `default:"kafka" help:"History to restore and index."`
	Histories string        `default:"../shared/histories" help:"Folder of histories with their restore script."`
	Refspec   []string      `default:"+refs/pull/*:refs/pull/*" help:"Refspecs fetched beside branches and tags."`
	Rounds    int           `default:"5" help:"How often each command is timed."`
	Work      string        `default:"bench/_work" help:"Where histories are restored and runs write."`
	Report    string        `default:"bench/report" help:"Where the report goes."`
	Timeout   time.Duration `default:"30m" help:"Longest time of one run."`
}

func main() {
	var c cli
	parsed := kong.Parse(&c, kong.Name("bench"), kong.Description("Measures keytrail beside its peers."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.FatalIfErrorf(parsed.Run())
}

func (c *indexCmd) Run(ctx context.Context) error {
	name, repo := c.History, c.Repo
	if repo == "" {
		fmt.Fprintln(os.Stderr, "restoring", name)
		var err error
		if repo, err = bench.Restore(ctx, c.Histories, name, c.Work); err != nil {
			return err
		}
	} else {
		name = strings.TrimSuffix(filepath.Base(repo), ".git")
	}
	report, err := bench.Index(ctx, bench.Options{
		Name:     name,
		Repo:     repo,
		Keytrail: c.Keytrail,
		Refspecs: c.Refspec,
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
