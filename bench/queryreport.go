package bench

import (
	"fmt"
	"strings"

	"keytrail/bench/asker"
)

// QueryReport is one measurement of answers. Its JSON form keeps every sample, its Markdown form what there is to read.
type QueryReport struct {
	Name       string     `json:"name"`
	Day        string     `json:"day"` // UTC, such as 2026-11-23
	Rounds     int        `json:"rounds"`
	Seconds    float64    `json:"seconds"` // of each turn
	Machine    Machine    `json:"machine"`
	Versions   Versions   `json:"versions"`
	Repository Repository `json:"repository"`    // its keys and pairs are those of the index
	Other      int        `json:"other_commits"` // of the history that is indexed in busy turns
	Rows       []QueryRow `json:"rows"`
	Git        Series     `json:"git_log_grep_seconds"`
	Feed       Series     `json:"feed_postings_per_second"` // from nothing to the end, over HTTP
	FeedLine   Series     `json:"feed_bytes_per_posting"`
	Memory     int64      `json:"daemon_anonymous_bytes"` // peak from the first question to the last, reindexing included
	Goals      []Goal     `json:"goals"`
}

// QueryRow is one way of asking and what came of it. Latencies and times are seconds.
type QueryRow struct {
	Name      string        `json:"name"`
	Clients   int           `json:"clients"`
	IsBusy    bool          `json:"is_busy"` // another repository is indexed meanwhile
	Samples   []QuerySample `json:"samples"`
	Rate      Series        `json:"answers_per_second"`
	Size      Series        `json:"bytes_per_answer"` // of bodies
	P50       Series        `json:"p50_seconds"`
	P99       Series        `json:"p99_seconds"`
	DaemonCPU Series        `json:"daemon_cpu_seconds_per_answer"` // busy, with the indexing
	AskerCPU  Series        `json:"asker_cpu_seconds_per_answer"`
}

// QuerySample is one turn.
type QuerySample struct {
	asker.Result
	DaemonCPU float64 `json:"daemon_cpu_seconds"` // zero of an index in process
}

func (s QuerySample) rate() float64 { return float64(s.Answers) / s.Wall }

// The names of rows.
const (
	nameHealth = "/healthz, the least there is to answer"
	nameIndex  = "index, "
	nameHTTP   = "HTTP, "
	namePlain  = ", without containment"
)

// label tells a row apart.
func (r *QueryRow) label() string {
	label := r.Name
	if r.Clients > 1 {
		label += fmt.Sprintf(", %d clients", r.Clients)
	}
	if r.IsBusy {
		label += ", while indexing"
	}
	return label
}

func micro(seconds float64) float64 { return seconds * 1e6 }

// over summarises one figure of all samples.
func (r *QueryRow) over(figure func(QuerySample) float64) Series {
	values := make([]float64, len(r.Samples))
	for i, s := range r.Samples {
		values[i] = figure(s)
	}
	return series(values)
}

// The limits of what is promised of answers.
const (
	mostIndexP50 = 30    // µs
	mostIndexP99 = 300   // µs
	mostHTTPP99  = 10    // ms, with the branches and tags of each commit, one client
	mostPlainP99 = 2     // ms, without them, one client
	leastAnswers = 20000 // a second, with many clients
)

// finish sums the samples up and holds them against the goals.
func (r *QueryReport) finish() {
	for i := range r.Rows {
		row := &r.Rows[i]
		answers := func(s QuerySample) float64 { return float64(max(s.Answers, 1)) }
		row.Rate = row.over(QuerySample.rate)
		row.Size = row.over(func(s QuerySample) float64 { return float64(s.Bytes) / answers(s) })
		row.P50 = row.over(func(s QuerySample) float64 { return s.P50 })
		row.P99 = row.over(func(s QuerySample) float64 { return s.P99 })
		row.DaemonCPU = row.over(func(s QuerySample) float64 { return s.DaemonCPU / answers(s) })
		row.AskerCPU = row.over(func(s QuerySample) float64 { return s.CPU / answers(s) })
		r.Goals = append(r.Goals, row.goals()...)
	}
}

// goals holds a row against what is promised of it.
func (r *QueryRow) goals() []Goal {
	scaled := func(s Series, by float64) Series { return Series{s.Median * by, s.Min * by, s.Max * by} }
	switch {
	case strings.HasPrefix(r.Name, nameIndex):
		return []Goal{
			atMost(r.label()+": µs at p50", mostIndexP50, scaled(r.P50, 1e6)),
			atMost(r.label()+": µs at p99", mostIndexP99, scaled(r.P99, 1e6)),
		}
	case strings.HasPrefix(r.Name, nameHTTP) && r.Clients > 1 && !r.IsBusy:
		return []Goal{atLeast(r.label()+": answers a second", leastAnswers, r.Rate)}
	case strings.HasPrefix(r.Name, nameHTTP) && r.IsBusy:
		most := mostHTTPP99
		if strings.HasSuffix(r.Name, namePlain) {
			most = mostPlainP99
		}
		return []Goal{atMost(r.label()+": ms at p99", float64(most), scaled(r.P99, 1e3))}
	}
	return nil
}

// Write writes query-NAME.json and query-NAME.md into a directory, which is made if missing.
func (r QueryReport) Write(dir string) error { return writeReport(dir, "query-"+r.Name, r) }

// Markdown renders the report as a page.
func (r QueryReport) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# One issue's commits: %s\n\n", r.Name)
	fmt.Fprintf(&b, "%d refs, %d issues in %d (issue, commit) pairs. Every answer was held against the index's own export: the commits of the\n"+
		"first page, newest first; over HTTP, the whole body byte by byte (CRC-32C) against one that was.\n\n", r.Repository.Refs, r.Repository.Keys, r.Repository.Pairs)
	fmt.Fprintf(&b, "Median of %d turns of %g s (lowest–highest). Each client asks again when it has its answer. *By commit*: issues are drawn as often\n"+
		"as commits name them; *by issue*: all alike. *While indexing*: another repository of %d commits is indexed anew, again and again.\n\n", r.Rounds, r.Seconds, r.Other)
	b.WriteString("| | answers/s | p50 µs | p99 µs | CPU of the daemon µs | of the asker µs | body kB |\n|---|---|---|---|---|---|---|\n")
	for i := range r.Rows {
		row := &r.Rows[i]
		daemon, size := "", ""
		if row.DaemonCPU.Max > 0 && !row.IsBusy {
			daemon = spread(row.DaemonCPU, 1e-6, "%.1f")
		}
		if row.Size.Max > 0 {
			size = spread(row.Size, 1e3, "%.1f")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", row.label(), spread(row.Rate, 1, "%.0f"), spread(row.P50, 1e-6, "%.0f"),
			spread(row.P99, 1e-6, "%.0f"), daemon, spread(row.AskerCPU, 1e-6, "%.1f"), size)
	}
	fmt.Fprintf(&b, "| `git log --all --grep`, one issue | %.2g | %s | | | | |\n", 1/r.Git.Median, spread(r.Git, 1e-6, "%.0f"))
	fmt.Fprintf(&b, "\nThe feed from nothing to its end, as NDJSON by one client: %s postings a second, %s bytes each; what its follower holds is the\n"+
		"export. The daemon's memory that no file backs, from the first question to the last, indexing included: at most %s.\n",
		spread(r.Feed, 1, "%.0f"), spread(r.FeedLine, 1, "%.0f"), size(float64(r.Memory)))
	b.WriteString("\nTimes of CPU are of one answer. Of the index in process the asker's are all there is. The daemon and what asks it share the\n" +
		"machine's cores: answers a second are what both together come to. With many clients a latency is mostly waiting for a core.\n")
	writeGoals(&b, r.Goals)
	writeMachine(&b, r.Machine, r.Versions, r.Day)
	return b.String()
}
