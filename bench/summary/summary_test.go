package summary

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keytrail/bench"
)

// index is a report of a history whose every contestant takes a second for a hundred thousand commits.
func index(name string, commits int) bench.Report {
	r := bench.Report{Name: name, Day: "2026-11-23", Repository: bench.Repository{Commits: commits}}
	seconds := float64(commits) / 100_000
	row := func(name string) bench.Row {
		s := bench.Series{Median: seconds, Min: seconds, Max: seconds}
		return bench.Row{Name: name, Wall: s, CPU: s, WallRatio: bench.Series{Median: 0.125}, Anonymous: bench.Series{Median: 25e6}, Index: bench.Series{Median: 160 * float64(commits)}}
	}
	folder := bench.IndexCase{Name: bench.CaseFolder, Goals: []bench.Goal{{Name: "wall", Figure: bench.Series{Median: 0.125, Min: 0.1, Max: 0.3}, Limit: 0.2, IsMet: true}}}
	for _, name := range bench.FolderNames() {
		folder.Rows = append(folder.Rows, row(name))
	}
	r.Cases = []bench.IndexCase{folder, {Name: bench.CaseHTTP, Rows: []bench.Row{row(bench.NameIndex), row(bench.NameClone), row(bench.NameFiltered)}}}
	return r
}

func TestTheSummaryGathersEveryReport(t *testing.T) {
	dir := t.TempDir()
	for _, r := range []interface{ Write(string) error }{
		index("big", 1_000_000), index("a-small", 10_000),
		bench.PushReport{Name: "big", Day: "2026-11-24", Latencies: []float64{0.1, 0.2, 0.3}, Costs: []bench.PushCost{{Look: 1}},
			Goals: []bench.Goal{{Name: "push", Figure: bench.Series{Median: 7, Min: 7, Max: 7}, Limit: 5}}},
		bench.QueryReport{Name: "big", Day: "2026-11-26", Git: bench.Series{Median: 12}, Rows: []bench.QueryRow{{Name: "HTTP, by issue", Clients: 64, IsBusy: true, Rate: bench.Series{Median: 20000}, P99: bench.Series{Median: 0.003}}},
			Goals: []bench.Goal{{Name: "answers", Figure: bench.Series{Median: 20000, Min: 20000, Max: 20000}, Limit: 100, IsAtLeast: true, IsMet: true}}},
		bench.SweepReport{Name: "sweep", Day: "2026-11-25", Cases: []bench.SweepCase{{Name: "100 repositories", Samples: make([]bench.SweepSample, 1), Each: bench.Series{Median: 0.002}}}},
	} {
		if err := r.Write(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := Write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, want := range []string{
		"| a-small | 10000 | 0.10 | 0.10 | 0.125 | 0.10 | 0.10 | 0.10 | 25 | 160 |\n| big | 1000000 |",
		"answers 200 ms after the nudge at the median, 300 ms at p99",
		"each of 100 repositories: 2.00 ms of CPU",
		"| wall | [index-big](index-big.md), folder | at most 0.2 | 0.125 (0.1–0.3) | met |",
		"| push | [push-big](push-big.md) | at most 5 | 7 | **missed** |",
		"| answers | [query-big](query-big.md) | at least 100 | 20000 | met |",
		"| HTTP, by issue | 64 | yes | 20000 | 0 | 3000 |",
		"- [sweep](sweep.md), 2026-11-25\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page:\n%s", want, page)
		}
	}
	for _, name := range []string{"wall.svg", "cpu.svg", "memory.svg", "cpu-big.svg", "cpu-a-small.svg", "push.svg"} {
		plot, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(plot), "<svg") || !strings.Contains(page, "("+name+")") {
			t.Errorf("%s is no plot, or not on the page: %v", name, err)
		}
	}
}

func TestASummaryNeedsReportsThatCanBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir); err == nil || !strings.Contains(err.Error(), "measure something first") {
		t.Errorf("error %v for an empty folder", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index-odd.json"), []byte(`{"cases": 5`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir); err == nil || !strings.Contains(err.Error(), "index-odd.json") {
		t.Errorf("error %v for half a report", err)
	}
}

func TestOneHistoryIsEnoughForEveryPlot(t *testing.T) {
	dir := t.TempDir()
	one := index("one", 1000)
	one.Cases[0].Rows[6].Anonymous = bench.Series{} // it took none, which has no place on a logarithmic axis
	if err := one.Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir); err != nil {
		t.Error(err)
	}
}
