package httpapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"keytrail/storage"
)

func TestFilesOfCommitsComeWhenAskedForWithOneQuestionForEachRepository(t *testing.T) {
	f := newFixture(t)
	var page Commits
	f.get("/api/v1/issues/KAFKA-7/commits?files=true").json(&page)
	if len(page.Commits) != 6 {
		t.Fatalf("%d commits", len(page.Commits))
	}
	for _, c := range page.Commits {
		if n := int(c.SHA[0]); len(c.Files) != n || c.Files[0].OldPath != "before" || c.FilesTruncated || c.FilesError != "" {
			t.Errorf("commit %d: %+v", n, c)
		}
	}
	if want := []string{"1: 4 5 2 1", "2: 2 1"}; !slices.Equal(f.differ.asked, want) {
		t.Errorf("asked %q, want %q", f.differ.asked, want)
	}
	if f.differ.limits != (storage.DiffOptions{MaxFiles: 100, MaxFile: 1 << 20}) {
		t.Errorf("limits %+v", f.differ.limits)
	}
	answer := f.get("/api/v1/issues/KAFKA-7/commits")
	if strings.Contains(string(answer.body), `"files`) {
		t.Errorf("not asked for: %s", answer.body)
	}
}

func TestFilesOfOneCommitAndOfABatch(t *testing.T) {
	f := newFixture(t)
	var commit Commit
	f.get(diffPath + oid(3).String() + "?files=true").json(&commit)
	if len(commit.Files) != 3 || f.differ.limits.MaxFiles != 1000 {
		t.Errorf("commit %+v", commit)
	}
	var batch struct {
		Issues []Commits `json:"issues"`
	}
	f.differ.asked = nil
	f.post("/api/v1/issues/commits", `{"keys":["KAFKA-7","ZK-1"],"files":true,"limit":2}`).json(&batch)
	if len(batch.Issues) != 2 || len(batch.Issues[0].Commits[0].Files) != 4 || len(batch.Issues[1].Commits[0].Files) != 2 {
		t.Errorf("batch %+v", batch)
	}
	if want := []string{"1: 4 5 2", "2: 2"}; !slices.Equal(f.differ.asked, want) {
		t.Errorf("asked %q, want %q", f.differ.asked, want)
	}
}

func TestACommitWithoutFilesToTellHasAnEmptyList(t *testing.T) {
	c := &Commit{SHA: oid(0)}
	f := newFixture(t)
	if err := f.server.addFiles(t.Context(), []*Commit{c}, 10); err != nil {
		t.Fatal(err)
	}
	if text := string(encode(c)); !strings.Contains(text, `"files":[]`) || strings.Contains(text, "files_") {
		t.Error(text)
	}
}

func TestACommitWhoseFilesCannotBeHadSaysWhy(t *testing.T) {
	f := newFixture(t)
	refused := &storage.SourceError{Class: storage.ClassAuth, Err: fmt.Errorf("fetch from https://git.example.com: %w", storage.ErrNoObjects)}
	f.differ.errs = map[storage.OID]error{oid(2): refused}
	var page Commits
	f.get("/api/v1/issues/KAFKA-7/commits?files=true&repository=1").json(&page)
	for _, c := range page.Commits {
		if isRefused := c.SHA == oid(2); isRefused != (c.FilesError != "") || isRefused != (c.Files == nil) {
			t.Errorf("commit %+v", c)
		}
	}
	f.differ.err = &storage.SourceError{Class: storage.ClassTransient, Err: errors.New("reset")}
	f.get("/api/v1/issues/KAFKA-7/commits?files=true").json(&page)
	for _, c := range page.Commits {
		if !strings.Contains(c.FilesError, "ask again later") {
			t.Errorf("commit %+v", c)
		}
	}
}

func TestALongListOfFilesIsMarked(t *testing.T) {
	c := &Commit{SHA: oid(9)}
	if err := newFixture(t).server.addFiles(t.Context(), []*Commit{c}, 4); err != nil || len(c.Files) != 4 || !c.FilesTruncated {
		t.Errorf("commit %+v, %v", c, err)
	}
}

func TestManyCommitsAreAskedAboutInParts(t *testing.T) {
	f := newFixture(t)
	var commits []*Commit
	for i := range 2*filesAtOnce + 1 {
		commits = append(commits, &Commit{SHA: oid(byte(i)), Repository: RepositoryRef{ID: 1}})
	}
	if err := f.server.addFiles(t.Context(), commits, 10); err != nil || len(f.differ.asked) != 3 {
		t.Errorf("asked %q, %v", f.differ.asked, err)
	}
}

func TestARepositoryThatHangsIsAskedOnceForAPage(t *testing.T) {
	f := newFixture(t)
	var questions atomic.Int64
	f.differ.before = func(context.Context) { questions.Add(1) }
	f.differ.err = &storage.SourceError{Class: storage.ClassTransient, Err: errors.New("stalled")}
	commits := make([]*Commit, 3*filesAtOnce)
	for i := range commits {
		commits[i] = &Commit{SHA: oid(byte(i)), Repository: RepositoryRef{ID: 1}}
	}
	if err := f.server.addFiles(t.Context(), commits, 10); err != nil || questions.Load() != 1 {
		t.Errorf("%d questions, %v", questions.Load(), err)
	}
	for i, c := range commits {
		if !strings.Contains(c.FilesError, "ask again later") {
			t.Fatalf("commit %d: %+v", i, c)
		}
	}
}

func TestPagesWithFilesAreShorter(t *testing.T) {
	f := newFixture(t)
	f.get("/api/v1/issues/KAFKA-7/commits?files=true&limit=101").problem(badParameter, "at most 100")
	f.get("/api/v1/issues/KAFKA-7/commits?files=yes").problem(badParameter, "files")
	f.post("/api/v1/issues/commits", `{"keys":["KAFKA-7","ZK-1"],"files":true,"limit":501}`).problem(badBody, "may be 1000")
}
