package bench

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keytrail makes a keytrail of this test's own binary. The script, which may be empty, runs before it: $1 is the command.
func keytrail(t *testing.T, script string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keytrail")
	if err := os.WriteFile(file, fmt.Appendf(nil, "#!/bin/sh\n%s\nexec '%s' keytrail \"$@\"\n", script, self), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func pushOptions(t *testing.T, script string) PushOptions {
	t.Helper()
	o, _ := set(t, "cat")
	return PushOptions{
		Name: o.Name, Repo: o.Repo, Keytrail: keytrail(t, script), Refspecs: o.Refspecs, Costs: 1, Pushes: 2, Work: o.Work,
		Nudge: "/api/v1/repositories/1/reindex",
	}
}

func TestPushesAreCountedTimedAndAnswered(t *testing.T) {
	t.Parallel()
	o := pushOptions(t, "")
	refs := gitIn(t, o.Repo, "for-each-ref")
	report, err := Push(t.Context(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Costs) != 1 || len(report.Latencies) != 2 || report.Repository.Commits != 123 || report.Repository.Refs == 0 || len(report.Goals) != 3 {
		t.Errorf("an incomplete report: %+v", report)
	}
	if c := report.Costs[0]; c.Look <= 0 || c.Push <= 0 || c.Git <= 0 || report.Latencies[0] <= 0 {
		t.Errorf("something took no time: %+v, %v", c, report.Latencies)
	}
	if now := gitIn(t, o.Repo, "for-each-ref"); now != refs {
		t.Errorf("the repository was pushed to, and not its copy:\n%s", now)
	}
	if left, err := os.ReadDir(o.Work); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind, error %v", left, err)
	}
	dir := t.TempDir()
	if err := report.Write(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "push-made.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"123 commits", "| p99 |", "| one new commit: ms of CPU beyond a look | at most 5 |", "\n2 pushes, one after the other"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("no %q in the page:\n%s", want, page)
		}
	}
}

func TestWhatKeepsADaemonFromBeingMeasuredIsNamed(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		script string
		edit   func(*PushOptions)
	}{
		"keytrail's answer is not git log's": {`[ "$1" = export ] && exit 0`, nil},
		"exit status 3: disk is gone":        {`[ "$1" = serve ] && { echo disk is gone >&2; exit 3; }`, nil},
		"404 Not Found":                      {"", func(o *PushOptions) { o.Nudge = "/api/v1/nothing" }},
		"rounds is 0":                        {"", func(o *PushOptions) { o.Pushes = 0 }},
	} {
		o := pushOptions(t, c.script)
		if c.edit != nil {
			c.edit(&o)
		}
		if _, err := Push(t.Context(), o, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
		if left, _ := os.ReadDir(o.Work); len(left) > 0 {
			t.Errorf("%s: it left %v behind", want, left)
		}
	}
}

func TestASweepLooksAtEveryRepository(t *testing.T) {
	t.Parallel()
	o := SweepOptions{Keytrail: keytrail(t, ""), Counts: []int{1, 3}, Sweeps: 2, Peers: 2, Work: t.TempDir()}
	report, err := Sweep(t.Context(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range o.Counts {
		c := report.Cases[i]
		if c.Repositories != n || c.Commits != n*sweepCommits || len(c.Samples) != 2 || len(c.Git) != 2*min(n, 2) || len(c.Goals) != 0 {
			t.Errorf("an incomplete case: %+v", c)
		}
		if c.Each.Min <= 0 || c.GitEach.Min <= 0 || c.Memory.Min <= 0 || c.First <= 0 {
			t.Errorf("something took nothing: %+v", c)
		}
	}
	page := report.Markdown()
	for _, want := range []string{"| 1 repository |", "| 3 repositories |"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page:\n%s", want, page)
		}
	}
	o.Counts, o.Keytrail = []int{1}, keytrail(t, `[ "$1" = export ] && exit 0`)
	if _, err := Sweep(t.Context(), o, io.Discard); err == nil || !strings.Contains(err.Error(), "it has 0 (key, commit) pairs") {
		t.Errorf("error %v for a wrong answer", err)
	}
	if left, err := filepath.Glob(filepath.Join(o.Work, "*")); err != nil || len(left) != 1 {
		t.Errorf("work holds %v, error %v; want the small repositories alone", left, err)
	}
	o.Sweeps = 1
	if _, err := Sweep(t.Context(), o, io.Discard); err == nil {
		t.Error("one sweep tells whether memory grows")
	}
}

func TestADaemonSettlesOnceTheServerRests(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	d, s := &daemon{cmd: cmd, said: &tail{}}, &server{}
	s.busy.Store(1)
	done := make(chan error)
	go func() {
		_, err := d.settle(t.Context(), s)
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("it settled while a request was being answered, error %v", err)
	case <-time.After(3 * calm):
	}
	s.busy.Store(0)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
