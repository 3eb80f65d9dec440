// Command bench measures keytrail beside its peers and writes the report.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	All     allCmd     `cmd:"" help:"Measure everything and make one page of it: what make bench runs."`
	Index   indexCmd   `cmd:"" help:"Compare building an index with git's and libgit2's ways to read a history, from a folder and over http."`
	Push    pushCmd    `cmd:"" help:"Measure one new commit, from the push to its answer, beside git fetch."`
	Query   queryCmd   `cmd:"" help:"Ask for issues' commits, of the index and over HTTP."`
	Sweep   sweepCmd   `cmd:"" help:"Measure looks at many repositories that do not change, beside git ls-remote."`
	Fetch   fetchCmd   `cmd:"" help:"Compare fetching over http with git and libgit2."`
	Summary summaryCmd `cmd:"" help:"Make one page and plots of all reports."`
	Fetcher fetcherCmd `cmd:"" hidden:"" help:"Fetch, as a child of fetch does."`
	Build   buildCmd   `cmd:"" hidden:"" help:"Index one repository in this process, under a profiler."`
	Asker   askerCmd   `cmd:"" hidden:"" help:"Ask an index or a daemon, as a child of query does."`
}

func main() {
	var c cli
	parsed := kong.Parse(&c, kong.Name("bench"), kong.Description("Measures keytrail beside its peers. Run it at the top of the source tree, with bin/keytrail built."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.FatalIfErrorf(parsed.Run())
}
