package folder

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/host"
	"keytrail/indexer/host/filter"
)

// git runs in a directory.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	command := exec.Command("git", args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// makeIn makes repositories below a folder: bare ones where the name ends in .git, else with a work tree.
func makeIn(t *testing.T, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		if strings.HasSuffix(name, ".git") {
			git(t, root, "init", "-q", "--bare", name)
		} else {
			git(t, root, "init", "-q", name)
		}
	}
}

// open gives the host of a folder.
func open(t *testing.T, c host.Config) *Host {
	t.Helper()
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h.(*Host)
}

// listed gives the names of what lies in a folder.
func listed(t *testing.T, h *Host) string {
	t.Helper()
	found, err := host.Discover(t.Context(), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, r := range found.Listed {
		names = append(names, r.Name)
	}
	return strings.Join(names, " ")
}

func TestRepositoriesAreFoundDownToTheDepth(t *testing.T) {
	root := t.TempDir()
	makeIn(t, root, "a.git", "b", "c/d.git", "c/e/f", "c/e/g/h.git", "c/e/g/i/j", "c/e/g/i/k/l.git")
	for depth, want := range []string{
		"a b", // as 1
		"a b",
		"a b c/d",
		"a b c/d c/e/f",
		"a b c/d c/e/f c/e/g/h",
		"a b c/d c/e/f c/e/g/h c/e/g/i/j",
	} {
		if got := listed(t, open(t, host.Config{Path: root, Depth: depth})); got != want {
			t.Errorf("depth %d: got %s, want %s", depth, got, want)
		}
	}
	if got := listed(t, open(t, host.Config{Path: root + "/*"})); got != "a b" {
		t.Errorf("with a mask at its end: got %s", got)
	}
}

func TestARepositoryIsKnownByItsPathInTheFolder(t *testing.T) {
	root := t.TempDir()
	makeIn(t, root, "web/shop.git", "web/site")
	found, err := host.Discover(t.Context(), open(t, host.Config{Path: root, Depth: 2}), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []host.Repository{
		{ID: "web/shop.git", Name: "web/shop", CloneHTTP: filepath.Join(root, "web/shop.git")},
		{ID: "web/site", Name: "web/site", CloneHTTP: filepath.Join(root, "web/site")},
	}
	if diff := cmp.Diff(want, found.Listed); diff != "" {
		t.Error(diff)
	}
}

func TestRepositoriesAppearAndVanish(t *testing.T) {
	root := t.TempDir()
	h := open(t, host.Config{Path: root, Depth: 2})
	makeIn(t, root, "a.git")
	for _, step := range []struct {
		change func()
		want   string
	}{
		{func() { makeIn(t, root, "x/b") }, "a x/b"},
		{func() { os.Rename(filepath.Join(root, "a.git"), filepath.Join(root, "x/a.git")) }, "x/a x/b"},
		{func() { os.RemoveAll(filepath.Join(root, "x/b/.git")) }, "x/a"},
		{func() { os.RemoveAll(filepath.Join(root, "x/a.git")) }, ""},
		{func() { git(t, root, "init", "-q", "x/b") }, "x/b"},
	} {
		step.change()
		if got := listed(t, h); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
}

func TestNothingIsFoundThroughLinks(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	makeIn(t, outside, "secret.git", "work")
	makeIn(t, root, "own.git", "halves/objects.git", "halves/refs.git")
	for from, to := range map[string]string{
		"out.git":       filepath.Join(outside, "secret.git"),
		"all":           outside,
		"up":            "../..",
		"again.git":     "own.git",
		"loop":          ".",
		"work/.git":     filepath.Join(outside, "work/.git"),
		"file/.git":     filepath.Join(outside, "gitfile"),
		"halves/a":      filepath.Join(outside, "secret.git"),
		"halves/b/.git": "../objects.git",
	} {
		path := filepath.Join(root, from)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"objects", "refs"} {
		path := filepath.Join(root, "halves", part+".git", part)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(outside, "secret.git", part), path); err != nil {
			t.Fatal(err)
		}
	}
	if got := listed(t, open(t, host.Config{Path: root, Depth: 5})); got != "own" {
		t.Errorf("got %s", got)
	}
	link := filepath.Join(outside, "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, open(t, host.Config{Path: link, Depth: 5})); got != "own" {
		t.Errorf("a folder that is itself a link: got %s", got)
	}
}

func TestWhatBelongsToAnotherRepositoryIsLeftOut(t *testing.T) {
	root := t.TempDir()
	makeIn(t, root, "main", "main/vendor/inner", "main/deep.git", ".hidden.git", ".snapshot/copy.git", "lost+found/piece.git")
	git(t, root, "-C", "main", "commit", "-q", "--allow-empty", "-m", "ACME-1")
	git(t, root, "-C", "main", "worktree", "add", "-q", "../tree", "-b", "other")
	git(t, root, "init", "-q", "--separate-git-dir", "store.git", "apart")
	if err := os.MkdirAll(filepath.Join(root, "bare-looking/HEAD"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "readme"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, open(t, host.Config{Path: root, Depth: 5})); got != "main store" {
		t.Errorf("got %s", got)
	}
}

// read reads recorded JSON.
func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func TestFiltersSeeNamesAndPathsAsRecorded(t *testing.T) {
	root := t.TempDir()
	makeIn(t, root, "payments/billing-api.git", "web/legacy-web", "private-repos/private-notes")
	h := open(t, host.Config{Path: root, Depth: 2})
	document, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var recorded []map[string]string
	read(t, "repos.json", &recorded)
	want := map[string]string{}
	for _, r := range recorded {
		want[r["name"]] = strings.Replace(r["fullPath"], "/srv/git", root, 1)
	}
	got := map[string]string{}
	for _, element := range document.([]any) {
		r := element.(map[string]any)
		got[r["name"].(string)] = r["fullPath"].(string)
		if len(r) != 2 {
			t.Errorf("got %v", r)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFiltersNarrowAsRecorded(t *testing.T) {
	h := open(t, host.Config{Path: "/srv/git", Depth: 2})
	var document any
	read(t, "repos.json", &document)
	var filters []struct {
		Expression string
		Names      []string
		Error      bool
	}
	read(t, "filters.json", &filters)
	for _, f := range filters {
		narrow, err := filter.Compile(f.Expression)
		if (err != nil) != f.Error {
			t.Errorf("%s: %v", f.Expression, err)
		}
		if err != nil {
			continue
		}
		left, err := narrow.Apply(t.Context(), document)
		narrow.Wait()
		if err != nil {
			t.Fatal(err)
		}
		repositories, err := h.Select(left)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, r := range repositories {
			names = append(names, filepath.Base(r.Name))
			if !strings.HasPrefix(r.CloneHTTP, "/srv/git/") {
				t.Errorf("got %+v", r)
			}
		}
		if diff := cmp.Diff(f.Names, names); diff != "" {
			t.Errorf("%s:\n%s", f.Expression, diff)
		}
	}
}

func TestADocumentNamesNothingOutsideTheFolder(t *testing.T) {
	h := open(t, host.Config{Path: "/srv/git"})
	for _, path := range []string{"/etc", "/srv/git", "/srv/git/", "/srv/gits/a", "/srv/git/../a", "/srv/git/a/../../b", "/srv/git//a", "a", "/srv/git/a/"} {
		if got, err := h.Select([]any{map[string]any{"name": "a", "fullPath": path}}); !errors.Is(err, host.ErrOrigin) {
			t.Errorf("%s: got %+v, %v", path, got, err)
		}
	}
	for _, document := range []any{nil, "all", []any{"a"}, map[string]any{"message": "no"}} {
		if _, err := h.Select(document); !errors.Is(err, host.ErrShape) {
			t.Errorf("%v: got %v", document, err)
		}
	}
}

func TestAFolderThatCannotBeReadGivesNoList(t *testing.T) {
	empty, bare, work, file := t.TempDir(), t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "file")
	git(t, bare, "init", "-q", "--bare")
	git(t, work, "init", "-q")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]error{
		empty: host.ErrUnreachable, file: host.ErrUnreachable, bare: host.ErrConfig, work: host.ErrConfig, empty + "/none": host.ErrGone,
	} {
		document, err := open(t, host.Config{Path: path}).List(t.Context())
		if document != nil || !errors.Is(err, kind) {
			t.Errorf("%s: got %v, %v; want %v", path, document, err, kind)
		}
	}
}

// listAsNobody lists a folder as a user without rights: root may read everything. Linux has this user for each thread (setfsuid(2)), and
// lets the rights of root over files go with it (capabilities(7)).
func listAsNobody(t *testing.T, root string) (any, error) {
	t.Helper()
	h := open(t, host.Config{Path: root, Depth: 2})
	if os.Geteuid() == 0 {
		const nobody = 65534
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
		defer syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
	}
	return h.List(t.Context())
}

func TestADirectoryThatMayNotBeReadFailsTheWholeList(t *testing.T) {
	root := t.TempDir()
	makeIn(t, root, "a.git", "x/b.git")
	for _, dir := range []string{filepath.Dir(root), root} { // the first is the test's own too, and closed to others
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := listAsNobody(t, root); err != nil {
		t.Fatalf("while it may be read: %v", err)
	}
	closed := filepath.Join(root, "x")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(closed, 0o755) })
	if document, err := listAsNobody(t, root); document != nil || !errors.Is(err, host.ErrAuth) {
		t.Errorf("got %v, %v", document, err)
	}
}

func TestACancelEndsTheLook(t *testing.T) {
	root := t.TempDir()
	makeIn(t, root, "a.git")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	document, err := open(t, host.Config{Path: root}).List(ctx)
	if document != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", document, err)
	}
}

func TestOddConfigurationsAreRefused(t *testing.T) {
	for _, c := range []host.Config{{}, {Path: "git"}, {Path: "/srv", Depth: 6}, {Path: "/srv", Depth: -1}, {Path: "//"}, {Path: "//server"}, {Path: "//server/"}} {
		if _, err := New(c); !errors.Is(err, host.ErrConfig) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func TestNoCredentialsAreSent(t *testing.T) {
	got, err := open(t, host.Config{Path: "/srv/git"}).Credentials(t.Context(), host.Repository{})
	if err != nil || got != (host.Credentials{}) {
		t.Errorf("got some, %v", err)
	}
}
