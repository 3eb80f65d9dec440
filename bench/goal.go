package bench

import (
	"fmt"
	"strings"
)

// Goal is a promise, and whether it is kept. Figure is the median over the rounds of what each round gives.
type Goal struct {
	Name      string  `json:"name"`
	Figure    Series  `json:"figure"`
	Limit     float64 `json:"limit"`
	IsAtLeast bool    `json:"is_at_least"` // the limit is the least, not the most
	IsMet     bool    `json:"is_met"`
}

// The limits of the goals of fetching.
const (
	mostBytes       = 1.02 // of git's with the same filter
	mostLookCPU     = 0.1  // of git fetch's
	mostCommitBytes = 1.1  // of a look's, the commit itself left out
	mostObjects     = 3    // for one new commit
	mostFirstWall   = 1    // of git clone's with the same filter
	leastFullBytes  = 8    // a full clone's, by keytrail's
	leastFullCPU    = 10
)

func atMost(name string, limit float64, figure Series) Goal {
	return Goal{Name: name, Figure: figure, Limit: limit, IsMet: figure.Median <= limit}
}

func atLeast(name string, limit float64, figure Series) Goal {
	return Goal{Name: name, Figure: figure, Limit: limit, IsAtLeast: true, IsMet: figure.Median >= limit}
}

// Verdict says whether the goal is met. Where some rounds meet it and the median does not, the machine may be the reason.
func (g Goal) Verdict() string {
	switch {
	case g.IsMet:
		return "met"
	case g.IsAtLeast && g.Figure.Max >= g.Limit, !g.IsAtLeast && g.Figure.Min <= g.Limit:
		return "missed, not in every round"
	default:
		return "**missed**"
	}
}

// Wanted is the limit in words, such as "at most 0.2".
func (g Goal) Wanted() string {
	if g.IsAtLeast {
		return fmt.Sprintf("at least %g", g.Limit)
	}
	return fmt.Sprintf("at most %g", g.Limit)
}

// Measured is the figure with its spread.
func (g Goal) Measured() string {
	if g.Figure.Max >= 1000 {
		return spread(g.Figure, 1, "%.0f")
	}
	return spread(g.Figure, 1, "%.3g")
}

// writeGoals writes a table of goals; nothing where there is none.
func writeGoals(b *strings.Builder, goals []Goal) {
	if len(goals) == 0 {
		return
	}
	b.WriteString("\n| goal | wanted | measured | |\n|---|---|---|---|\n")
	for _, g := range goals {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", g.Name, g.Wanted(), g.Measured(), g.Verdict())
	}
}

// goals holds a case's samples against what is promised.
func (c *CaseReport) goals() []Goal {
	ratio := func(s *Step, figure func(Transfer) float64) Series {
		return paired(s.row(nameKeytrail), s.row(nameGit), figure)
	}
	goals := []Goal{
		atMost("first fetch: bytes, by git's with the same filter", mostBytes, ratio(&c.First, bytesOf)),
		atMost("first fetch: wall time, by that of git clone with the same filter", mostFirstWall, ratio(&c.First, wallOf)),
	}
	if full := c.First.row(nameGitFull); full != nil {
		own := c.First.row(nameKeytrail)
		return append(goals,
			atLeast("first fetch: bytes of a full git clone, by keytrail's", leastFullBytes, paired(full, own, bytesOf)),
			atLeast("first fetch: CPU of a full git clone, by keytrail's", leastFullCPU, paired(full, own, cpuOf)))
	}
	return append(goals,
		atMost("no-change look: bytes, by git fetch's", mostBytes, ratio(&c.Look, bytesOf)),
		atMost("no-change look: CPU, by git fetch's", mostLookCPU, ratio(&c.Look, cpuOf)),
		atMost("one new commit: bytes, by git fetch's", mostBytes, ratio(&c.New, bytesOf)),
		atMost("one new commit: bytes less the commit's own, by a no-change look's", mostCommitBytes, c.beyondCommit()),
		atMost("one new commit: objects", mostObjects, c.New.row(nameKeytrail).over(func(t Transfer) float64 { return float64(t.Objects) })))
}

// paired gives the ratio of a figure of two contestants, taken round by round.
func paired(a, b *TransferRow, figure func(Transfer) float64) Series {
	var ratios []float64
	for round := range a.Samples {
		ratios = append(ratios, figure(a.Samples[round])/figure(b.Samples[round]))
	}
	return series(ratios)
}

// beyondCommit gives what keytrail's fetch of one new commit costs in bytes, the commit left out, by its look of the same round.
func (c *CaseReport) beyondCommit() Series {
	looks, news := c.Look.row(nameKeytrail).Samples, c.New.row(nameKeytrail).Samples
	var ratios []float64
	for round, size := range c.NewCommits {
		ratios = append(ratios, float64(news[round].Bytes()-size)/float64(looks[round].Bytes()))
	}
	return series(ratios)
}
