package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// PushReport is one measurement of pushes. Times are seconds.
type PushReport struct {
	Name       string     `json:"name"`
	Day        string     `json:"day"` // UTC, such as 2026-11-23
	Machine    Machine    `json:"machine"`
	Versions   Versions   `json:"versions"`
	Repository Repository `json:"repository"` // at the end
	Costs      []PushCost `json:"costs"`
	Latencies  []float64  `json:"latencies_seconds"` // from nudge to answer, in order
	Goals      []Goal     `json:"goals"`
}

// PushCost is what a look costs without and with one new commit, and what git fetch of that commit does.
type PushCost struct {
	Look    float64 `json:"look_cpu_seconds"`
	Push    float64 `json:"push_cpu_seconds"`
	Git     float64 `json:"git_cpu_seconds"`
	GitWall float64 `json:"git_wall_seconds"`
}

// The limits of what is promised of a push, in milliseconds.
const (
	mostPushCPU   = 5 // beyond the look
	mostPushP50   = 150
	mostPushP99   = 500
	perThousand   = 1e3
	promisedShare = 0.99
)

// over summarises one figure of all costs, in milliseconds.
func (r *PushReport) over(figure func(PushCost) float64) Series {
	var values []float64
	for _, c := range r.Costs {
		values = append(values, figure(c)*perThousand)
	}
	return series(values)
}

func (r *PushReport) finish() {
	beyond := r.over(func(c PushCost) float64 { return c.Push - c.Look })
	median, late := Percentile(r.Latencies, 0.5)*perThousand, Percentile(r.Latencies, promisedShare)*perThousand
	r.Goals = []Goal{
		atMost("one new commit: ms of CPU beyond a look", mostPushCPU, beyond),
		atMost("push to answer: ms at the median", mostPushP50, Series{median, median, median}),
		atMost("push to answer: ms at p99", mostPushP99, Series{late, late, late}),
	}
}

// Percentile gives the smallest value that the share, above 0 and up to 1, of the values does not exceed.
func Percentile(values []float64, share float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return v[int(math.Ceil(share*float64(len(v))))-1]
}

// Write writes push-NAME.json and push-NAME.md into a directory, which is made if missing.
func (r PushReport) Write(dir string) error { return writeReport(dir, "push-"+r.Name, r) }

// Markdown renders the report as a page.
func (r PushReport) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# One new commit: %s\n\n", r.Name)
	fmt.Fprintf(&b, "%d commits, %d refs, served over http by `git http-backend` on the same machine to a daemon that has indexed it. A commit is\n"+
		"pushed to the branch of HEAD and the daemon is told. At the end its %d (key, commit) pairs were those of `git log`.\n\n",
		r.Repository.Commits, r.Repository.Refs, r.Repository.Pairs)
	b.WriteString("| CPU, ms | |\n|---|---|\n")
	for _, row := range []struct {
		name   string
		figure func(PushCost) float64
	}{
		{"a look that finds nothing new", func(c PushCost) float64 { return c.Look }},
		{"a look that finds one new commit", func(c PushCost) float64 { return c.Push }},
		{"the difference, pair by pair", func(c PushCost) float64 { return c.Push - c.Look }},
		{"`git fetch --prune` of the same commit, without a search", func(c PushCost) float64 { return c.Git }},
		{"its wall time", func(c PushCost) float64 { return c.GitWall }},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", row.name, spread(r.over(row.figure), 1, "%.1f"))
	}
	fmt.Fprintf(&b, "\nMedian of %d (lowest–highest). The daemon's time is that of all its threads until it rests, with the request that tells it.\n", len(r.Costs))
	b.WriteString("\n| from the nudge to an answer | ms |\n|---|---|\n")
	for _, share := range []float64{0.5, 0.9, 0.99, 1} {
		fmt.Fprintf(&b, "| p%g | %.1f |\n", share*100, Percentile(r.Latencies, share)*perThousand)
	}
	fmt.Fprintf(&b, "\n%d pushes, one after the other; the server's share, and up to %s between two questions, are in the figures.\n", len(r.Latencies), pollEvery)
	writeGoals(&b, r.Goals)
	writeMachine(&b, r.Machine, r.Versions, r.Day)
	return b.String()
}
