package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keytrail/bench/history"
)

// fetchSet makes a small history and options that fetch it with the test binary as keytrail.
func fetchSet(t *testing.T) FetchOptions {
	t.Helper()
	dir := t.TempDir()
	h := history.Default(150)
	h.Pulls, h.Files = 12, 40
	repo := filepath.Join(dir, "made.git")
	if _, err := history.Create(t.Context(), repo, h, nil); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return FetchOptions{
		Name: "made",
		Cases: []FetchCase{
			{Name: "every ref", Repo: repo, Other: []string{"refs/pull"}},
			{Name: "trees", Repo: repo, IsFirst: true},
		},
		Fetcher: []string{self, "fetcher"},
		Pairs:   2,
		Looks:   3,
		Work:    filepath.Join(dir, "work"),
	}
}

func TestFetchMeasuresEveryContestantInTurnAndChecksTheirAnswers(t *testing.T) {
	t.Parallel()
	o := fetchSet(t)
	var log bytes.Buffer
	report, err := Fetch(t.Context(), o, &log)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Cases) != 2 || report.Cases[0].Commits != 150 || report.Cases[0].Refs < 13 || report.Versions.Libgit2 == "" {
		t.Fatalf("an incomplete report: %+v", report)
	}
	for _, c := range report.Cases {
		for _, s := range []Step{c.First, c.Look, c.New} {
			for _, r := range s.Rows {
				complete(t, s.Name, r, o.Pairs)
			}
		}
	}
	every, trees := report.Cases[0], report.Cases[1]
	for _, r := range every.Look.Rows {
		if r.Objects.Max != 0 {
			t.Errorf("%s received %v objects in a look that finds nothing new", r.Name, r.Objects)
		}
	}
	if n := every.New.row(nameKeytrail).Objects; n.Min != 1 || n.Max != 1 {
		t.Errorf("keytrail received %v objects for one commit", n)
	}
	if full, own := trees.First.row(nameGitFull), trees.First.row(nameKeytrail); full.Objects.Min <= own.Objects.Max || full.Bytes.Min <= own.Bytes.Max {
		t.Errorf("a full clone of %v objects, %v bytes; keytrail's %v, %v", full.Objects, full.Bytes, own.Objects, own.Bytes)
	}
	if len(trees.Look.Rows) != 0 || len(every.NewCommits) != o.Pairs || every.NewCommits[0] < 50 {
		t.Errorf("%d rows of looks at the case of first fetches; new commits of %v bytes", len(trees.Look.Rows), every.NewCommits)
	}
	inTurn(t, log.String())
	fetchPage(t, report, filepath.Dir(o.Cases[0].Repo))
	if left, err := os.ReadDir(o.Work); err != nil || len(left) > 0 {
		t.Errorf("runs left %v behind, error %v", left, err)
	}
}

// complete checks that a contestant has a whole sample of every round.
func complete(t *testing.T, step string, r TransferRow, rounds int) {
	t.Helper()
	if len(r.Samples) != rounds || r.Wall.Min <= 0 || r.CPU.Median <= 0 || r.Peak.Min < 1<<20 || r.Bytes.Min < 100 {
		t.Errorf("%s, %s: an incomplete row: %+v", step, r.Name, r)
	}
	for _, s := range r.Samples {
		if s.Sent <= 0 || s.Received <= 0 {
			t.Errorf("%s, %s: %d bytes sent, %d received", step, r.Name, s.Sent, s.Received)
		}
	}
}

// inTurn checks who fetched when, by the log.
func inTurn(t *testing.T, log string) {
	t.Helper()
	var order []string
	for _, m := range regexp.MustCompile(`(?m)^  no-change look, (.+): [0-9.]+ ms wall`).FindAllStringSubmatch(log, -1) {
		order = append(order, m[1])
	}
	if want := []string{nameKeytrail, nameGit, nameGitLean, nameEngine, nameLibgit2, nameGit, nameGitLean, nameEngine, nameLibgit2, nameKeytrail}; !slices.Equal(order, want) {
		t.Errorf("looked in the order %v, want %v", order, want)
	}
}

// fetchPage checks the report's files: whole, and without a path of this machine.
func fetchPage(t *testing.T, report FetchReport, path string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "report")
	if err := report.Write(dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "fetch-made.json"))
	if err != nil {
		t.Fatal(err)
	}
	var again FetchReport
	if err := json.Unmarshal(data, &again); err != nil || len(again.Cases) != 2 || again.Cases[0].First.Rows[1].Samples[1].Received == 0 {
		t.Errorf("the JSON report does not read back: %v", err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "fetch-made.md"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(page, []byte(path)) || bytes.Contains(data, []byte(path)) {
		t.Errorf("the report names a path of this machine:\n%s", page)
	}
	for _, want := range []string{"## every ref\n\n150 commits", "| one new commit | wall ms |", "| git, full |", "at least 8", "git clone --mirror --filter=tree:0 URL DIR"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("no %q in the page:\n%s", want, page)
		}
	}
}

func TestAFetchWithAWrongAnswerIsNotMeasured(t *testing.T) {
	o := fetchSet(t)
	o.Cases = o.Cases[1:]
	script := filepath.Join(t.TempDir(), "liar")
	// It has all commits, and one branch too many.
	text := "#!/bin/sh\nread none; echo 0 0; read one; git clone --quiet --bare $3 $2; git --git-dir $2 branch --quiet extra; echo 5000 5000; cat\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	o.Fetcher = []string{script}
	if _, err := Fetch(t.Context(), o, io.Discard); err == nil || !strings.Contains(err.Error(), "trees: first fetch, keytrail: a wrong answer") {
		t.Errorf("error %v, want one that names the wrong answer", err)
	}
}

func TestWhatCannotBeFetchedIsNamed(t *testing.T) {
	o := fetchSet(t)
	for want, edit := range map[string]func(*FetchOptions){
		"pairs are 0":        func(o *FetchOptions) { o.Pairs = 0 },
		"no case":            func(o *FetchOptions) { o.Cases = nil },
		"no fetcher":         func(o *FetchOptions) { o.Fetcher = nil },
		"not a bare":         func(o *FetchOptions) { o.Cases = []FetchCase{{Repo: t.TempDir()}} },
		"ended without":      func(o *FetchOptions) { o.Fetcher = []string{"sh", "-c", "read none"} },
		"/bin/absent":        func(o *FetchOptions) { o.Fetcher = []string{"/bin/absent"} },
		"exit status 1: Bad": func(o *FetchOptions) { o.Fetcher = []string{"sh", "-c", "echo Bad >&2; exit 1"} },
	} {
		changed := o
		edit(&changed)
		if _, err := Fetch(t.Context(), changed, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestCancellingEndsFetchingAndLeavesNothing(t *testing.T) {
	o := fetchSet(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Fetch(ctx, o, writerFunc(func(p []byte) (int, error) {
		cancel() // at the first line
		return len(p), nil
	}))
	if err == nil {
		t.Error("a cancelled measurement succeeded")
	}
	if left, _ := os.ReadDir(o.Work); len(left) > 0 {
		t.Errorf("it left %v behind", left)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
