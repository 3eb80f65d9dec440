package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"keytrail/storage"
)

// madeDiffer makes diffs up: commit n changes n files, the first of them by a rename.
type madeDiffer struct {
	mu     sync.Mutex
	asked  []string // of Files, as "repository: commits"
	limits storage.DiffOptions
	err    error                 // of every question
	errs   map[storage.OID]error // of single commits
	before func(context.Context)
}

func (d *madeDiffer) Diff(ctx context.Context, _ storage.RepositoryID, o storage.OID, limits storage.DiffOptions) (storage.Diff, error) {
	if d.before != nil {
		d.before(ctx)
	}
	if err := ctx.Err(); err != nil {
		return storage.Diff{}, context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limits = limits
	diff := storage.Diff{Commit: o, Total: int(o[0])}
	if o[0] > 1 {
		diff.Parent = oid(o[0] - 1)
	}
	for i := range min(diff.Total, limits.MaxFiles) {
		diff.Files = append(diff.Files, storage.FileChange{Path: fmt.Sprintf("file%d", i), Change: storage.ChangeAdded, Added: i})
	}
	if len(diff.Files) > 0 {
		diff.Files[0].Change, diff.Files[0].OldPath = storage.ChangeRenamed, "before"
	}
	if limits.MaxPatch > 0 {
		diff.Patch = "diff --git a/before b/file0\n+caf\xe9\n"
		diff.PatchTruncated = diff.Total > len(diff.Files)
	}
	return diff, d.err
}

func (d *madeDiffer) Files(ctx context.Context, id storage.RepositoryID, oids []storage.OID, limits storage.DiffOptions) ([]storage.DiffResult, error) {
	results := make([]storage.DiffResult, len(oids))
	asked := fmt.Sprintf("%d:", id)
	for i, o := range oids {
		diff, err := d.Diff(ctx, id, o, limits)
		if err != nil {
			return nil, err
		}
		if results[i].Err = d.errs[o]; results[i].Err == nil {
			results[i].Diff = diff
		}
		asked += fmt.Sprintf(" %d", o[0])
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, asked)
	slices.Sort(d.asked)
	return results, nil
}

const diffPath = "/api/v1/repositories/1/commits/"

func TestADiffIsJSONUnlessAPatchIsAskedFor(t *testing.T) {
	f := newFixture(t)
	var diff Diff
	answer := f.get(diffPath + oid(4).String() + "/diff")
	answer.json(&diff)
	want := Diff{SHA: oid(4), Repository: RepositoryRef{ID: 1, Name: "kafka"}, Parent: oid(3), FilesTotal: 4}
	if diff.SHA != want.SHA || diff.Repository != want.Repository || diff.Parent != want.Parent || diff.FilesTotal != 4 || len(diff.Files) != 4 ||
		diff.FilesTruncated || diff.PatchTruncated || diff.Patch != "diff --git a/before b/file0\n+caf\ufffd\n" {
		t.Errorf("diff %+v", diff)
	}
	if first := (File{Path: "file0", OldPath: "before", Change: storage.ChangeRenamed}); diff.Files[0] != first {
		t.Errorf("file %+v, want %+v", diff.Files[0], first)
	}
	if f.differ.limits != (storage.DiffOptions{MaxFiles: 1000, MaxFile: 1 << 20, MaxPatch: 1 << 20, Context: 3}) {
		t.Errorf("limits %+v", f.differ.limits)
	}
	if answer.header.Get("Vary") != "Accept" {
		t.Errorf("header %v", answer.header)
	}
	for _, ask := range [][]string{{"?format=patch"}, {"", "Accept", "text/html, text/x-diff;q=0.9"}, {"?format=patch", "Accept", "application/json"}} {
		patch := f.get(diffPath+oid(4).String()+"/diff"+ask[0], ask[1:]...)
		if patch.status != http.StatusOK || patch.header.Get("Content-Type") != "text/x-diff" || string(patch.body) != "diff --git a/before b/file0\n+caf\xe9\n" {
			t.Errorf("%q: status %d, %v, %q", ask, patch.status, patch.header, patch.body)
		}
	}
	if answer := f.get(diffPath+oid(4).String()+"/diff", "If-None-Match", answer.header.Get("ETag")); answer.status != http.StatusNotModified {
		t.Errorf("asked again: status %d", answer.status)
	}
	for _, header := range []string{"text/x-diff;q=0", "application/json", "text/*"} {
		f.get(diffPath+oid(4).String()+"/diff", "Accept", header).json(&diff)
	}
}

func TestADiffHasTheFormThatWeighsMore(t *testing.T) {
	f := newFixture(t)
	for accept, want := range map[string]string{
		"application/json, text/x-diff;q=0.1":                "application/json",
		"application/json;q=0.1, text/x-diff;q=0.2":          "text/x-diff",
		"text/x-diff;q=0.5, */*":                             "application/json",
		"text/x-diff;q=0.5, */*;q=0.1":                       "text/x-diff",
		"application/json;q=0.1, */*, text/x-diff;q=0.5":     "text/x-diff",
		"*/*, application/*;q=0.2, text/x-diff; q=0.5":       "text/x-diff",
		"text/x-diff;q=2":                                    "application/json",
		"text/x-diff;q=x, text/html":                         "application/json",
		"text/x-diff, application/json":                      "text/x-diff",
		"application/json;q=0, text/x-diff;q=0":              "application/json",
		"text/plain;;, text/x-diff;q=0.001, text/html;q=0.9": "text/x-diff",
	} {
		if got := f.get(diffPath+oid(4).String()+"/diff", "Accept", accept).header.Get("Content-Type"); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
}

func TestALimitOfDiffsIsLoggedAsALimit(t *testing.T) {
	f := newFixture(t)
	f.differ.err = &storage.SourceError{Err: storage.ErrDiffTooWide}
	answer := f.get(diffPath + oid(2).String() + "/diff")
	answer.problem(diffTooLarge, "more files")
	if strings.Contains(string(answer.body), "objects: full") {
		t.Errorf("told of a way that leads nowhere: %s", answer.body)
	}
	if log := f.log.String(); !strings.Contains(log, "beyond the limits") || strings.Contains(log, `"class"`) || strings.Contains(log, `"level":"warn"`) {
		t.Errorf("log: %s", log)
	}
}

func TestADiffSaysWhatItsLimitsLeaveOut(t *testing.T) {
	f := newFixture(t)
	var diff Diff
	f.get(diffPath + oid(4).String() + "/diff?max_files=2&max_bytes=77&context=0").json(&diff)
	if len(diff.Files) != 2 || diff.FilesTotal != 4 || !diff.FilesTruncated || !diff.PatchTruncated {
		t.Errorf("diff %+v", diff)
	}
	if f.differ.limits != (storage.DiffOptions{MaxFiles: 2, MaxFile: 1 << 20, MaxPatch: 77}) {
		t.Errorf("limits %+v", f.differ.limits)
	}
	patch := f.get(diffPath + oid(4).String() + "/diff?max_files=2&format=patch")
	if !strings.HasSuffix(string(patch.body), "\n# truncated: the commit changes 4 files, of which some are not in this patch on account of its limits\n") {
		t.Errorf("patch %q", patch.body)
	}
}

func TestADiffOfACommitThatTheIndexDoesNotHaveIsNotFound(t *testing.T) {
	f := newFixture(t)
	f.get(diffPath+oid(99).String()+"/diff").problem(commitNotFound, "no ref of repository 1")
	f.get("/api/v1/repositories/99/commits/"+oid(1).String()+"/diff").problem(repositoryNotFound, "99")
	f.get(diffPath+"abc/diff").problem(badSHA, "40")
	for _, query := range []string{"context=-1", "context=1001", "max_files=0", "max_files=10001", "max_bytes=0", "max_bytes=16777217", "max_bytes=x", "format=html"} {
		name, _, _ := strings.Cut(query, "=")
		f.get(diffPath+oid(1).String()+"/diff?"+query).problem(badParameter, name)
	}
	f.get(diffPath+oid(1).String()+"/diff?files=true").problem(unknownParameter, "files")
}

// failures are what a Differ may answer, and what a client is told.
var failures = []struct {
	err  error
	kind kind
	says string
}{
	{&storage.SourceError{Class: storage.ClassAuth, Err: fmt.Errorf("fetch from https://git.example.com: %w", storage.ErrNoObjects)}, objectsRefused, "objects: full"},
	{&storage.SourceError{Err: storage.ErrDiffTooLarge}, diffTooLarge, "objects: full"},
	{&storage.SourceError{Err: storage.ErrDiffTooWide}, diffTooLarge, "compared for one answer: use git"},
	{&storage.SourceError{Class: storage.ClassTransient, Err: errors.New("fetch from https://git.example.com: reset")}, sourceUnavailable, "again later"},
	{&storage.SourceError{Class: storage.ClassThrottled, Err: errors.New("429")}, sourceUnavailable, "throttled"},
	{&storage.SourceError{Class: storage.ClassAuth, Err: errors.New("401")}, sourceFailed, "auth"},
	{&storage.SourceError{Class: storage.ClassGone, Err: errors.New("repository /srv/git/x: gone")}, sourceFailed, "/api/v1/repositories/1"},
	{&storage.SourceError{Class: storage.ClassFull, Err: errors.New("full")}, diskFull, "no space"},
	{&storage.SourceError{Class: storage.ClassBug, Err: errors.New("bug")}, internal, "report it"},
	{fmt.Errorf("not indexed: %w", storage.ErrNotFound), repositoryNotFound, "configuration"},
	{context.DeadlineExceeded, interrupted, "ask again"},
}

func TestAFailureOfTheRepositorySaysItsKindAndShowsNoPlace(t *testing.T) {
	f := newFixture(t)
	for _, failure := range failures {
		f.differ.err = failure.err
		answer := f.get(diffPath + oid(2).String() + "/diff")
		answer.problem(failure.kind, failure.says)
		for _, place := range []string{"example.com", "/srv"} {
			if strings.Contains(string(answer.body), place) {
				t.Errorf("%v: %s", failure.err, answer.body)
			}
		}
	}
	if log := f.log.String(); !strings.Contains(log, "/srv/git/x") || !strings.Contains(log, `"class":"auth"`) {
		t.Errorf("the log does not say the whole: %s", log)
	}
}

func TestWithoutRepositoriesAtHandADiffIsNotServed(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Differ = nil })
	f.get(diffPath+oid(2).String()+"/diff").problem(diffNotServed, "keytrail serve")
	f.get(diffPath+oid(2).String()+"?files=true").problem(diffNotServed, "keytrail serve")
	f.get("/api/v1/issues/KAFKA-7/commits?files=true").problem(diffNotServed, "keytrail serve")
	if answer := f.get("/api/v1/issues/KAFKA-7/commits?files=false"); answer.status != http.StatusOK {
		t.Errorf("without files: status %d", answer.status)
	}
}

func TestAClientThatGoesAwayEndsItsDiff(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.differ.before = func(within context.Context) {
		if _, hasLimit := within.Deadline(); !hasLimit {
			t.Error("a diff may take for ever")
		}
		cancel()
		<-within.Done()
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, diffPath+oid(2).String()+"/diff", nil)
	f.server.Handler().ServeHTTP(httptest.NewRecorder(), r)
	if !strings.Contains(f.log.String(), `"code":503`) {
		t.Errorf("log: %s", f.log)
	}
}
