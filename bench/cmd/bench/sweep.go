package main

import (
	"context"
	"fmt"
	"os"

	"keytrail/bench"
)

type sweepCmd struct {
	Repositories []int `default:"1,100" help:"How many repositories, a case each."`
	Sweeps       int   `default:"5" help:"How often every repository is looked at."`
	Peers        int   `default:"20" help:"How many of them git ls-remote asks after each sweep."`
	place
}

// Help is the text below the summary of sweep.
func (sweepCmd) Help() string {
	return `A daemon has small repositories over http from this machine, and looks at all of them again and again:

    bench sweep
    bench sweep --repositories 1,100,10000 --sweeps 3

10,000 of them take some minutes to make, once, and some minutes to look at, most of it in the server.`
}

func (c *sweepCmd) Run(ctx context.Context) error {
	report, err := bench.Sweep(ctx, bench.SweepOptions{
		Keytrail: c.Keytrail,
		Counts:   c.Repositories,
		Sweeps:   c.Sweeps,
		Peers:    c.Peers,
		Work:     c.Work,
	}, os.Stderr)
	if err != nil {
		return err
	}
	fmt.Print(report.Markdown())
	return report.Write(c.Report)
}
