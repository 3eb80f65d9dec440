package bench

import (
	"fmt"
	"strings"
)

// SweepReport is one measurement of looks at many repositories.
type SweepReport struct {
	Name     string      `json:"name"`
	Day      string      `json:"day"` // UTC, such as 2026-11-23
	Machine  Machine     `json:"machine"`
	Versions Versions    `json:"versions"`
	Cases    []SweepCase `json:"cases"`
}

// SweepCase is a number of repositories. Times are seconds.
type SweepCase struct {
	Name         string        `json:"name"`
	Repositories int           `json:"repositories"`
	Commits      int           `json:"commits"`     // of all
	First        float64       `json:"first_build"` // from the start of the process until all are indexed
	Samples      []SweepSample `json:"sweeps"`
	Git          []float64     `json:"git_cpu_seconds"` // of one git ls-remote
	Each         Series        `json:"look_cpu_seconds"`
	GitEach      Series        `json:"git_look_cpu_seconds"`
	Memory       Series        `json:"anonymous_bytes"` // after each sweep
	Goals        []Goal        `json:"goals"`
}

// SweepSample is one look at every repository.
type SweepSample struct {
	CPU       float64 `json:"cpu_seconds"` // of the daemon, for all
	Wall      float64 `json:"wall_seconds"`
	Anonymous int64   `json:"anonymous_bytes"` // of the daemon afterwards
}

// The limits of what is promised of a sweep.
const (
	mostSweepCPU    = 4    // ms of a look
	mostSweepGrowth = 1.05 // memory after the last sweep, by that after the first
	leastSweep      = 100  // repositories from which on it is promised
)

func (c *SweepCase) finish() {
	var each, memory []float64
	for _, s := range c.Samples {
		each = append(each, s.CPU/float64(c.Repositories))
		memory = append(memory, float64(s.Anonymous))
	}
	c.Each, c.GitEach, c.Memory = series(each), series(c.Git), series(memory)
	if c.Repositories < leastSweep {
		return
	}
	growth := memory[len(memory)-1] / memory[0]
	c.Goals = []Goal{
		atMost("sweep of unchanged repositories: ms of CPU each", mostSweepCPU,
			Series{c.Each.Median * perThousand, c.Each.Min * perThousand, c.Each.Max * perThousand}),
		atMost("sweep: memory after the last, by that after the first", mostSweepGrowth, Series{growth, growth, growth}),
	}
}

// Write writes sweep.json and sweep.md into a directory, which is made if missing.
func (r SweepReport) Write(dir string) error { return writeReport(dir, r.Name, r) }

// Markdown renders the report as a page.
func (r SweepReport) Markdown() string {
	var b strings.Builder
	b.WriteString("# Looking at many repositories\n\n")
	fmt.Fprintf(&b, "Made repositories of %d commits each, served over http by `git http-backend` on the same machine to a daemon that has indexed\n"+
		"them. Nothing changes; the daemon is told to look at every one. At the end its whole answer was that of `git log` in each.\n\n", sweepCommits)
	b.WriteString("| | first build of all, s | CPU of a look, ms | CPU of `git ls-remote`, ms | sweep, wall s | memory beyond files after each sweep, MiB |\n|---|---|---|---|---|---|\n")
	for _, c := range r.Cases {
		var walls []float64
		var memory []string
		for _, s := range c.Samples {
			walls = append(walls, s.Wall)
			memory = append(memory, fmt.Sprintf("%.1f", mebi(s.Anonymous)))
		}
		fmt.Fprintf(&b, "| %s | %.1f | %s | %s | %s | %s |\n", c.Name, c.First, spread(c.Each, 1e-3, "%.2f"), spread(c.GitEach, 1e-3, "%.2f"),
			spread(series(walls), 1, "%.1f"), strings.Join(memory, ", "))
	}
	b.WriteString("\nMedian (lowest–highest) of the sweeps, and of some repositories for git, which is a process each. The daemon's time is that of all\n" +
		"its threads, with the requests that tell it; the wall time is mostly the server's.\n")
	for _, c := range r.Cases {
		if len(c.Goals) > 0 {
			fmt.Fprintf(&b, "\n%s:\n", c.Name)
		}
		writeGoals(&b, c.Goals)
	}
	writeMachine(&b, r.Machine, r.Versions, r.Day)
	return b.String()
}
