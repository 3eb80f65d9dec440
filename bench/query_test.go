package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytrail/bench/asker"
	"keytrail/storage"
)

// ask is the asking child.
func ask(args []string) (exit int) {
	var o asker.Options
	flags := flag.NewFlagSet("asker", flag.ExitOnError)
	flags.StringVar(&o.Address, "address", "", "")
	flags.StringVar(&o.Data, "data", "", "")
	flags.StringVar(&o.Other, "other", "", "")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	o.Questions = flags.Arg(0)
	if err := asker.Run(context.Background(), o, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func queryOptions(t *testing.T) QueryOptions {
	t.Helper()
	o, _ := set(t, "cat")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return QueryOptions{
		Name: o.Name, Repo: o.Repo, Keytrail: keytrail(t, ""), Asker: []string{self, "asker"}, Refspecs: o.Refspecs,
		Other: 100, Rounds: 1, Duration: 20 * time.Millisecond, Clients: 3, Work: o.Work,
	}
}

func TestEveryWayOfAskingIsMeasuredAndAnswered(t *testing.T) {
	var log bytes.Buffer
	report, err := Query(t.Context(), queryOptions(t), &log)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]QueryRow{}
	for _, r := range report.Rows {
		rows[r.label()] = r
		if len(r.Samples) != 1 || r.Rate.Median <= 0 || r.P50.Median <= 0 || r.P99.Median < r.P50.Median {
			t.Errorf("%s: %+v", r.label(), r)
		}
		if !strings.Contains(log.String(), r.label()) {
			t.Errorf("the log does not tell of %s", r.label())
		}
	}
	for _, name := range []string{
		"/healthz, the least there is to answer, 3 clients", "HTTP, by commit", "HTTP, by issue, 3 clients, while indexing",
		"batch of 100 issues, by commit", "batch of 100 issues, by commit, 3 clients", "HTTP, by commit, without containment, while indexing", "index, by commit", "index, by issue, while indexing",
	} {
		if r, ok := rows[name]; !ok {
			t.Errorf("no row %q", name)
		} else if isHTTP := !strings.HasPrefix(name, nameIndex); isHTTP != (r.Size.Median > 0) || isHTTP != (r.DaemonCPU.Median > 0) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if report.Git.Median <= 0 || report.Feed.Median <= 0 || report.Memory == 0 || report.Repository.Keys == 0 || len(report.Goals) == 0 {
		t.Errorf("an incomplete report: %+v", report)
	}
	dir := t.TempDir()
	if err := report.Write(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "query-made.md"))
	if err != nil || !strings.Contains(string(page), "| HTTP, by issue, 3 clients |") || !strings.Contains(string(page), "`git log --all --grep`") {
		t.Errorf("error %v, page\n%s", err, page)
	}
}

func TestADaemonThatTellsOtherCommitsThanItsExportIsNotMeasured(t *testing.T) {
	var page issuePage
	issue := issueAnswer{text: "CORE-1"}
	page.Key = "CORE-2"
	if err := issue.check(page); err == nil {
		t.Error("the answer of another issue is right")
	}
	page.Key = issue.text
	page.Commits = append(page.Commits, struct {
		SHA storage.OID `json:"sha"`
	}{})
	if err := issue.check(page); err == nil || !strings.Contains(err.Error(), "1 commits of CORE-1, its export 0") {
		t.Errorf("error %v, want one that counts", err)
	}
}

func TestAnAskerThatEndsIsNamedWithItsLastWords(t *testing.T) {
	o := queryOptions(t)
	o.Asker = []string{"sh", "-c", "echo no index here >&2; exit 1"}
	if _, err := Query(t.Context(), o, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "no index here") {
		t.Errorf("error %v, want one that says why", err)
	}
	if left, err := filepath.Glob(filepath.Join(o.Work, "query-*")); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind, error %v", left, err)
	}
}
