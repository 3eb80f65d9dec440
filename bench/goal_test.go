package bench

import (
	"maps"
	"strings"
	"testing"
)

// rows gives the rows of contestants with one sample a round; each figure is wall time, CPU time and bytes alike.
func rows(figures map[string][]float64) []TransferRow {
	var out []TransferRow
	for name, values := range figures {
		row := TransferRow{Name: name}
		for _, v := range values {
			row.Samples = append(row.Samples, Transfer{Sample: Sample{Wall: v, User: v / 2, System: v / 2}, Sent: int64(v), Objects: 1})
		}
		out = append(out, row)
	}
	return out
}

// verdicts gives each goal's word by its name.
func verdicts(c *CaseReport) map[string]string {
	out := map[string]string{}
	for _, g := range c.Goals {
		out[g.Name] = g.Verdict()
	}
	return out
}

func TestGoalsAreJudgedByTheMedianOfTheRounds(t *testing.T) {
	c := CaseReport{
		NewCommits: []int64{200, 200, 200},
		First:      Step{Rows: rows(map[string][]float64{nameKeytrail: {100, 90, 101}, nameGit: {100, 100, 100}})},
		Look:       Step{Rows: rows(map[string][]float64{nameKeytrail: {1000, 1000, 1000}, nameGit: {1000, 20000, 900}})},
		New:        Step{Rows: rows(map[string][]float64{nameKeytrail: {1300, 1299, 1301}, nameGit: {2000, 2000, 2000}})},
	}
	c.finish()
	got := verdicts(&c)
	for name, want := range map[string]string{
		"first fetch: bytes, by git's with the same filter":                  "met",
		"first fetch: wall time, by that of git clone with the same filter":  "met",
		"no-change look: bytes, by git fetch's":                              "met",
		"no-change look: CPU, by git fetch's":                                "missed, not in every round",
		"one new commit: bytes, by git fetch's":                              "met",
		"one new commit: bytes less the commit's own, by a no-change look's": "met",
		"one new commit: objects":                                            "met",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(got) != 7 {
		t.Errorf("%d goals, want 7: %v", len(got), got)
	}
	if beyond := c.beyondCommit(); beyond != (Series{1.1, 1.099, 1.101}) {
		t.Errorf("beyond the commit %v", beyond)
	}
}

func TestAFullCloneIsJudgedByWhatIsSaved(t *testing.T) {
	c := CaseReport{First: Step{Rows: rows(map[string][]float64{nameKeytrail: {10, 20}, nameGit: {10, 10}, nameGitFull: {90, 160}})}}
	c.finish()
	got := verdicts(&c)
	for name, want := range map[string]string{
		"first fetch: bytes of a full git clone, by keytrail's":             "met",
		"first fetch: CPU of a full git clone, by keytrail's":               "**missed**",
		"first fetch: wall time, by that of git clone with the same filter": "missed, not in every round",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d goals, want 4: %v", len(got), got)
	}
	var page strings.Builder
	c.page(&page)
	for _, want := range []string{"| at least 10 | 8.5 (8–9) | **missed** |", "| at most 1 | 1.5 (1–2) | missed, not in every round |"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %q in the page:\n%s", want, &page)
		}
	}
}

func TestTrafficIsSharedAmongTheFetchesThatMadeIt(t *testing.T) {
	got := transferred(Sample{Wall: 2}, traffic{200, 4000}, 20)
	if got.Sent != 10 || got.Received != 200 || got.Bytes() != 210 || got.Wall != 2 {
		t.Errorf("one of 20 fetches is %+v", got)
	}
}

func TestAFirstBuildIsJudgedByTheSizeOfTheHistory(t *testing.T) {
	sample := func(wall, cpu float64) []Sample {
		return []Sample{{Wall: wall, User: cpu, Anonymous: 300e6, Index: 160 * million}}
	}
	report := func(commits int) Report {
		r := Report{Repository: Repository{Commits: commits}, Cases: []IndexCase{
			{Name: CaseFolder, Rows: []Row{
				{Name: NameIndex, Samples: sample(0.21, 4)}, {Name: NamePipeline, Samples: sample(1, 2)},
				{Name: nameOneCore, Samples: sample(0.4, 4)}, {Name: NameInflate, Samples: sample(0.1, 3.5)},
			}},
			{Name: CaseHTTP, Rows: []Row{{Name: NameIndex, Samples: sample(1, 1)}, {Name: NameClone, Samples: sample(25, 1)}}},
		}}
		for i := range r.Cases {
			r.Cases[i].summarise()
		}
		return r
	}
	const wall, cpu, cores = "first build from a folder: wall, by the pipeline's", "first build from a folder: CPU, by that of inflating alone", "first build from a folder: wall on one core, by that on all"
	const memory, size = "first build from a folder: MB of memory beyond mapped files", "index: bytes for each commit, whole messages in it"
	const missed = "**missed**"
	for commits, want := range map[int]map[string]string{
		10_000:      {},
		100_000:     {wall: "met", cpu: "met", cores: "met", memory: missed, size: missed},
		million:     {wall: missed, cpu: "met", cores: "met", memory: missed, size: "met"},
		5 * million: {wall: missed, cpu: "met", cores: "met", memory: "met", size: "met"},
	} {
		r := report(commits)
		r.judge(false)
		got := map[string]string{}
		for _, g := range r.Cases[0].Goals {
			got[g.Name] = g.Verdict()
		}
		if !maps.Equal(got, want) || len(r.Cases[1].Goals) != 0 {
			t.Errorf("%d commits: %v, want %v", commits, got, want)
		}
	}
	r := report(10_000)
	r.judge(true)
	if goals := r.Cases[1].Goals; len(goals) != 1 || !goals[0].IsMet || goals[0].Figure.Median != 0.04 {
		t.Errorf("a remote with real trees is judged by %v", goals)
	}
}

func TestASweepIsJudgedFromAHundredRepositoriesOn(t *testing.T) {
	c := SweepCase{Repositories: 100, Git: []float64{1}, Samples: []SweepSample{{CPU: 0.3, Anonymous: 100}, {CPU: 0.5, Anonymous: 120}, {CPU: 0.2, Anonymous: 106}}}
	c.finish()
	if len(c.Goals) != 2 || !c.Goals[0].IsMet || c.Goals[0].Figure != (Series{3, 2, 5}) || c.Goals[1].IsMet {
		t.Errorf("judged by %+v", c.Goals)
	}
}
