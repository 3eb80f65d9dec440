package main

import (
	"context"
	"fmt"
	"os"

	"keytrail/bench"
)

type pushCmd struct {
	source
	Refspec []string `default:"+refs/pull/*:refs/pull/*" help:"Refspecs fetched beside branches and tags."`
	Costs   int      `default:"10" help:"Pushes whose CPU time is measured, beside a look that finds nothing new."`
	Pushes  int      `default:"50" help:"Pushes whose way to an answer is timed."`
	Nudge   string   `default:"/api/v1/repositories/1/reindex" help:"Path that the daemon is told of a push by."`
	Body    string   `help:"What is posted there."`
	place
}

// Help is the text below the summary of push.
func (pushCmd) Help() string {
	return `A daemon has the repository over http from this machine; commits are pushed one by one:

    bench push
    bench push --commits 1000000 --costs 20 --pushes 100`
}

func (c *pushCmd) Run(ctx context.Context) error {
	name, repo, err := c.get(ctx, c.Work)
	if err != nil {
		return err
	}
	report, err := bench.Push(ctx, bench.PushOptions{
		Name:     name,
		Repo:     repo,
		Keytrail: c.Keytrail,
		Refspecs: c.Refspec,
		Costs:    c.Costs,
		Pushes:   c.Pushes,
		Work:     c.Work,
		Nudge:    c.Nudge,
		Body:     c.Body,
	}, os.Stderr)
	if err != nil {
		return err
	}
	fmt.Print(report.Markdown())
	return report.Write(c.Report)
}
