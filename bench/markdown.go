package bench

import (
	"fmt"
	"strings"
)

// Markdown renders the report as a page: a table of medians with their spread, the ratios, and what was run where.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Indexing %s\n\n", r.Name)
	fmt.Fprintf(&b, "%d commits, %d refs, %s packed; %d issue keys in %d (key, commit) pairs, equal to an independent reading of `git log`\n",
		r.Repository.Commits, r.Repository.Refs, size(float64(r.Repository.Bytes)), r.Repository.Keys, r.Repository.Pairs)
	fmt.Fprintf(&b, "before anything was timed. The peers' looser pattern finds %d keys.\n\n", r.Repository.PeerKeys)
	fmt.Fprintf(&b, "Median of %d (lowest–highest), runs taken in turn:\n\n", r.Rounds)
	b.WriteString("| | wall s | CPU s | peak memory MiB | on disk MiB | of it index MiB |\n|---|---|---|---|---|---|\n")
	for _, c := range r.Comparisons {
		for _, row := range []Row{c.Subject, c.Peer} {
			index := ""
			if row.Index.Max > 0 {
				index = spread(row.Index, 1<<20, "%.1f")
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", strings.ReplaceAll(row.Name, "|", `\|`), spread(row.Wall, 1, "%.2f"),
				spread(row.CPU, 1, "%.2f"), spread(row.Peak, 1<<20, "%.0f"), spread(row.Disk, 1<<20, "%.1f"), index)
		}
		fmt.Fprintf(&b, "| *ratio, %s* | %s | %s | %s | %s | |\n", c.Name,
			spread(c.Wall, 1, "%.2f"), spread(c.CPU, 1, "%.2f"), spread(c.Peak, 1, "%.2f"), spread(c.Disk, 1, "%.2f"))
	}
	b.WriteString("\nA ratio is keytrail by its peer, round by round: below 1, keytrail takes less. CPU is user and system time of the\n" +
		"command and all it starts, the server's left out; peak memory is that of the largest single process, and\n")
	fmt.Fprintf(&b, "%s is the least that can be seen. On disk: keytrail's data directory, which holds a mirror when over http;\n"+
		"the peer's list of keys, with its clone when over http. Page cache warm.\n", size(float64(r.PeakFloor)))
	b.WriteString("\n## Commands\n\n")
	for _, c := range r.Comparisons {
		fmt.Fprintf(&b, "    %s\n    %s\n", c.Subject.Command, c.Peer.Command)
	}
	m := r.Machine
	fmt.Fprintf(&b, "\nAll under LC_ALL=C.\n\n## Machine\n\n%s, %d cores, %s; %s, Linux %s; load before: %s.\n", m.CPU, m.Cores, size(float64(m.Memory)), m.System, m.Kernel, m.Load)
	fmt.Fprintf(&b, "keytrail %s; git %s; bench built with %s. Measured on %s.\n", r.Versions.Keytrail, r.Versions.Git, r.Versions.Go, r.Day)
	return b.String()
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
