package bench

import (
	"fmt"
	"strings"
)

// Markdown renders the report as a page: for each case a table of medians with their spread, the ratios and the goals,
// and what was run where.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Indexing %s\n\n", r.Name)
	fmt.Fprintf(&b, "%d commits, %d refs, %s packed; %d issue keys in %d (key, commit) pairs, equal to an independent reading of `git log`\n",
		r.Repository.Commits, r.Repository.Refs, size(float64(r.Repository.Bytes)), r.Repository.Keys, r.Repository.Pairs)
	fmt.Fprintf(&b, "before anything was timed. The pipeline's looser pattern finds %d keys; who finds none read every commit.\n\n", r.Repository.PeerKeys)
	fmt.Fprintf(&b, "Median of %d (lowest–highest), runs taken in turn:\n", r.Rounds)
	for i := range r.Cases {
		r.Cases[i].page(&b)
	}
	b.WriteString("\nThe last two columns are keytrail's figure by the row's, round by round: below 1, keytrail takes less. CPU is user and\n" +
		"system time of the command and all it starts, the server's left out. Peak memory is that of the largest single process,\n" +
		"mapped files included, and ")
	fmt.Fprintf(&b, "%s is the least that can be seen; beyond files is what no file backs, of all processes together, read every\n"+
		"%s. On disk: keytrail's data directory, which holds a mirror when over http, and of it the index; a peer's list of keys,\n"+
		"with its clone when over http. A peer whose run takes more than %s sits out later rounds. Page cache warm.\n", size(float64(r.PeakFloor)), watchEvery, impatience)
	b.WriteString("\n## Commands\n\n")
	for _, c := range r.Cases {
		for _, row := range c.Rows {
			fmt.Fprintf(&b, "    %s\n", row.Command)
		}
	}
	b.WriteString("\nAll under LC_ALL=C.\n")
	writeMachine(&b, r.Machine, r.Versions, r.Day)
	return b.String()
}

// writeMachine says where, with what, and when a report was measured.
func writeMachine(b *strings.Builder, m Machine, v Versions, day string) {
	fmt.Fprintf(b, "\n## Machine\n\n%s, %d cores, %s; %s, Linux %s; load before: %s.\n", m.CPU, m.Cores, size(float64(m.Memory)), m.System, m.Kernel, m.Load)
	if v.Keytrail != "" {
		fmt.Fprintf(b, "%s; ", strings.ReplaceAll(v.Keytrail, "\n", ", "))
	}
	fmt.Fprintf(b, "git %s; ", v.Git)
	if v.Libgit2 != "" {
		fmt.Fprintf(b, "libgit2 %s as a peer; ", v.Libgit2)
	}
	if v.Libdeflate != "" {
		fmt.Fprintf(b, "libdeflate %s as a peer; ", v.Libdeflate)
	}
	fmt.Fprintf(b, "bench built with %s. Measured on %s.\n", v.Go, day)
}

// page writes one case.
func (c *IndexCase) page(b *strings.Builder) {
	fmt.Fprintf(b, "\n| %s | wall s | CPU s | peak MiB | beyond files MiB | on disk MiB | index MiB | wall, keytrail by it | CPU, keytrail by it |\n", c.Name)
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for i, r := range c.Rows {
		index, wall, cpu := "", "", ""
		if r.Index.Max > 0 {
			index = spread(r.Index, 1<<20, "%.1f")
		}
		if i > 0 {
			wall, cpu = spread(r.WallRatio, 1, "%.3g"), spread(r.CPURatio, 1, "%.3g")
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", strings.ReplaceAll(r.Name, "|", `\|`), spread(r.Wall, 1, "%.2f"),
			spread(r.CPU, 1, "%.2f"), spread(r.Peak, 1<<20, "%.0f"), spread(r.Anonymous, 1<<20, "%.0f"), spread(r.Disk, 1<<20, "%.1f"), index, wall, cpu)
	}
	writeGoals(b, c.Goals)
}

// spread writes a median and, where runs differ as printed, the ends.
func spread(s Series, unit float64, format string) string {
	median, low, high := fmt.Sprintf(format, s.Median/unit), fmt.Sprintf(format, s.Min/unit), fmt.Sprintf(format, s.Max/unit)
	if low == high {
		return median
	}
	return fmt.Sprintf("%s (%s–%s)", median, low, high)
}

// size writes bytes in MiB.
func size(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/(1<<20)) }

func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }
