package summary

import (
	"fmt"
	"strings"

	"keytrail/bench"
)

// markdown renders the page. plots are files beside it.
func (r *reports) markdown(plots []plotFile) string {
	var b strings.Builder
	b.WriteString("# What keytrail costs\n\nMade by bench of the reports beside this page, which tell how each figure was measured, with what, and its spread;\n" +
		"`bench/README.md` tells how to read them. Figures are medians.\n")
	r.folders(&b)
	r.remotes(&b)
	r.answers(&b)
	r.daemons(&b)
	for _, p := range plots {
		fmt.Fprintf(&b, "\n![%s](%s)\n", p.title, p.name)
	}
	r.goals(&b)
	b.WriteString("\n## Pages\n\n")
	for _, p := range r.pages {
		fmt.Fprintf(&b, "- [%s](%s.md), %s\n", p.file, p.file, p.Day)
	}
	return b.String()
}

// folders is the table of first builds from a folder.
func (r *reports) folders(b *strings.Builder) {
	const head = "\n## First build from a folder\n\n| history | commits | keytrail, s | git log and grep, s | keytrail by it | libgit2, s | inflating alone, CPU s | keytrail, CPU s | " +
		"beyond files, MB | index, bytes a commit |\n|---|---|---|---|---|---|---|---|---|---|\n"
	isFirst := true
	for _, report := range r.indexes {
		own := rowOf(report, bench.CaseFolder, bench.NameIndex)
		pipeline, walk := rowOf(report, bench.CaseFolder, bench.NamePipeline), rowOf(report, bench.CaseFolder, bench.NameWalk)
		inflate := rowOf(report, bench.CaseFolder, bench.NameInflate)
		if own == nil || pipeline == nil || walk == nil || inflate == nil {
			continue
		}
		if isFirst {
			b.WriteString(head)
			isFirst = false
		}
		fmt.Fprintf(b, "| %s | %d | %.2f | %.2f | %.3g | %.2f | %.2f | %.2f | %.0f | %.0f |\n", report.Name, report.Repository.Commits,
			own.Wall.Median, pipeline.Wall.Median, pipeline.WallRatio.Median, walk.Wall.Median, inflate.CPU.Median, own.CPU.Median,
			own.Anonymous.Median/1e6, own.Index.Median/float64(max(report.Repository.Commits, 1)))
	}
}

// remotes is the table of first builds over http.
func (r *reports) remotes(b *strings.Builder) {
	isFirst := true
	for _, report := range r.indexes {
		own := rowOf(report, bench.CaseHTTP, bench.NameIndex)
		full, filtered := rowOf(report, bench.CaseHTTP, bench.NameClone), rowOf(report, bench.CaseHTTP, bench.NameFiltered)
		if own == nil || full == nil || filtered == nil {
			continue
		}
		if isFirst {
			b.WriteString("\n## First build from a remote\n\n| history | commits | keytrail, s | git clone, git log and grep, s | keytrail by it | " +
				"the same with --filter=tree:0, s | keytrail by it |\n|---|---|---|---|---|---|---|\n")
			isFirst = false
		}
		fmt.Fprintf(b, "| %s | %d | %.2f | %.2f | %.3g | %.2f | %.3g |\n", report.Name, report.Repository.Commits,
			own.Wall.Median, full.Wall.Median, full.WallRatio.Median, filtered.Wall.Median, filtered.WallRatio.Median)
	}
}

// answers is the table of how fast an issue's commits are told.
func (r *reports) answers(b *strings.Builder) {
	for _, q := range r.queries {
		fmt.Fprintf(b, "\n## One issue's commits: %s\n\n| asked | clients | while indexing | answers a second | p50, µs | p99, µs |\n|---|---|---|---|---|---|\n", q.Name)
		for _, row := range q.Rows {
			busy := ""
			if row.IsBusy {
				busy = "yes"
			}
			fmt.Fprintf(b, "| %s | %d | %s | %.0f | %.0f | %.0f |\n", row.Name, row.Clients, busy, row.Rate.Median, row.P50.Median*1e6, row.P99.Median*1e6)
		}
		if q.Git.Median > 0 {
			fmt.Fprintf(b, "\n`git log --all --grep` of one issue takes %.2f s.\n", q.Git.Median)
		}
	}
}

// daemons tells what a running daemon takes.
func (r *reports) daemons(b *strings.Builder) {
	if len(r.pushes)+len(r.sweeps) > 0 {
		b.WriteString("\n## A running daemon\n\n")
	}
	for _, p := range r.pushes {
		fmt.Fprintf(b, "- One new commit in %s (%d commits, %d refs): answers %.0f ms after the nudge at the median, %.0f ms at p99.\n",
			p.Name, p.Repository.Commits, p.Repository.Refs, bench.Percentile(p.Latencies, 0.5)*1e3, bench.Percentile(p.Latencies, 0.99)*1e3)
	}
	for _, s := range r.sweeps {
		for _, c := range s.Cases {
			fmt.Fprintf(b, "- A look at each of %s: %.2f ms of CPU; `git ls-remote` takes %.2f ms.\n", c.Name, c.Each.Median*1e3, c.GitEach.Median*1e3)
		}
	}
}

// goals is the table of what is promised.
func (r *reports) goals(b *strings.Builder) {
	b.WriteString("\n## Goals\n\n| goal | of | wanted | measured | |\n|---|---|---|---|---|\n")
	row := func(g bench.Goal, of string) {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", g.Name, of, g.Wanted(), g.Measured(), g.Verdict())
	}
	for _, p := range r.pages {
		link := fmt.Sprintf("[%s](%s.md)", p.file, p.file)
		for _, g := range p.Goals {
			row(g, link)
		}
		for _, c := range p.Cases {
			for _, g := range c.Goals {
				row(g, link+", "+c.Name)
			}
		}
	}
}
