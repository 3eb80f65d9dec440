package bench

import (
	"fmt"
	"strings"
)

// Markdown renders the report as a page: for each case a table of medians with their spread, and which goals are met.
func (r FetchReport) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Fetching %s\n\n", r.Name)
	fmt.Fprintf(&b, "Over http from `git http-backend` on the same machine, which offers filters; all contestants in turn, round by round.\n"+
		"Each figure is the median of %d rounds (lowest–highest). After every fetch the refs, and the number of commits that they\n"+
		"reach, were the server's. Time and memory are the client's; bytes are all that passed over its connections both ways, HTTP's\n"+
		"own included. keytrail and libgit2 are measured as a daemon uses them, in a process that runs already: a look is one of\n"+
		"several in a row. git is a process each time, and its start is in its figures.\n", r.Pairs)
	for i := range r.Cases {
		r.Cases[i].page(&b)
	}
	b.WriteString("\n## How\n\n")
	for _, c := range r.Cases {
		fmt.Fprintf(&b, "%s:\n\n", c.Name)
		for _, step := range []Step{c.First, c.Look} {
			for _, row := range step.Rows {
				fmt.Fprintf(&b, "- %s, %s: %s\n", step.Name, row.Name, row.How)
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "A new commit has a tree and a file of its own. Objects are those stored, twice if stored twice. Peak memory is that of the\n"+
		"process so far, with the pack where it is mapped; of git's largest, where less than %s cannot be seen. A contestant that took\n"+
		"more than %s for one new commit was not asked again. Page cache warm.\n", size(float64(r.PeakFloor)), patience)
	writeMachine(&b, r.Machine, r.Versions, r.Day)
	return b.String()
}

// page writes one case.
func (c *CaseReport) page(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n%d commits, %d refs; %s on the server.\n", c.Name, c.Commits, c.Refs, size(float64(c.Bytes)))
	b.WriteString("\n| first fetch | wall s | CPU s | peak MiB | MB over the wire | objects | on disk MiB |\n|---|---|---|---|---|---|---|\n")
	for _, r := range c.First.Rows {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.Name, spread(r.Wall, 1, "%.2f"), spread(r.CPU, 1, "%.2f"),
			spread(r.Peak, 1<<20, "%.0f"), spread(r.Bytes, 1e6, "%.2f"), spread(r.Objects, 1, "%.0f"), spread(r.Disk, 1<<20, "%.1f"))
	}
	for _, s := range []Step{c.Look, c.New} {
		if len(s.Rows) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n| %s | wall ms | CPU ms | peak MiB | kB over the wire | objects |\n|---|---|---|---|---|---|\n", s.Name)
		for _, r := range s.Rows {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", r.Name, spread(r.Wall, 1e-3, "%.1f"), spread(r.CPU, 1e-3, "%.1f"),
				spread(r.Peak, 1<<20, "%.0f"), spread(r.Bytes, 1e3, "%.2f"), spread(r.Objects, 1, "%.0f"))
		}
	}
	writeGoals(b, c.Goals)
}
