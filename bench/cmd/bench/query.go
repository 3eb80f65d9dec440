package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"keytrail/bench"
	"keytrail/bench/asker"
)

type queryCmd struct {
	source
	Refspec []string `default:"+refs/pull/*:refs/pull/*" help:"Refspecs indexed beside branches and tags."`
	Other   int      `default:"100000" help:"Commits of the made history that is indexed again and again while questions are asked."`
	Rounds  int      `default:"5" help:"How often each question is measured."`
	Seconds float64  `default:"3" help:"How long questions are asked each time."`
	Clients int      `default:"64" help:"How many ask a daemon at once, beside one alone."`
	place
}

// Help is the text below the summary of query.
func (queryCmd) Help() string {
	return `Issues' commits are asked of the index in process, and of a daemon over HTTP, at rest and while another repository is
indexed:

    bench query
    bench query --repo big.git --rounds 3 --seconds 10`
}

func (c *queryCmd) Run(ctx context.Context) error {
	name, repo, err := c.get(ctx, c.Work)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	report, err := bench.Query(ctx, bench.QueryOptions{
		Name:     name,
		Repo:     repo,
		Keytrail: c.Keytrail,
		Asker:    []string{self, "asker"},
		Refspecs: c.Refspec,
		Other:    c.Other,
		Rounds:   c.Rounds,
		Duration: time.Duration(c.Seconds * float64(time.Second)),
		Clients:  c.Clients,
		Work:     c.Work,
	}, os.Stderr)
	if err != nil {
		return err
	}
	fmt.Print(report.Markdown())
	return report.Write(c.Report)
}

// askerCmd is the child process that asks.
type askerCmd struct {
	Address   string `xor:"of" required:"" help:"Daemon to ask."`
	Data      string `xor:"of" required:"" help:"Data directory to ask."`
	Other     string `help:"Repository to index again and again into the data directory in busy turns."`
	Questions string `arg:"" help:"File of questions."`
}

func (c *askerCmd) Run(ctx context.Context) error {
	if c.Address != "" {
		runtime.GOMAXPROCS(1) // what answers has the other cores
	}
	return asker.Run(ctx, asker.Options{Address: c.Address, Data: c.Data, Other: c.Other, Questions: c.Questions}, os.Stdin, os.Stdout)
}
