package main

import "keytrail/bench/summary"

type summaryCmd struct {
	Report string `default:"bench/report" help:"Folder of reports."`
}

// Help is the text below the summary of summary.
func (summaryCmd) Help() string {
	return `It reads whatever reports are there, and writes README.md, with all goals, and the plots beside them.`
}

func (c *summaryCmd) Run() error { return summary.Write(c.Report) }
