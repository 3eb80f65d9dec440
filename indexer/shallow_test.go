package indexer_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/mirror/gittest"
)

// shallowServer is a repository that has the last commits of another one only.
func shallowServer(t *testing.T, whole *gittest.Repo, depth int) *gittest.Repo {
	t.Helper()
	path := filepath.Join(t.TempDir(), "repo.git")
	clone := exec.Command("git", "clone", "--quiet", "--mirror", "--no-single-branch", fmt.Sprint("--depth=", depth), "file://"+whole.Path, path)
	if out, err := clone.CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	server := gittest.Open(t, path)
	server.Git("config", "uploadpack.allowFilter", "true")
	return server
}

// TestAShallowServerIsIndexedAsFarAsItGoesAndAnewWhenItIsDeepened follows what git log gives on the server.
func TestAShallowServerIsIndexedAsFarAsItGoesAndAnewWhenItIsDeepened(t *testing.T) {
	for _, way := range []string{"in place", "", "none"} {
		whole := gittest.Init(t)
		whole.Commits("refs/heads/main", "ABC-1", 30)
		whole.CommitTo("refs/heads/topic", "ABC-2", whole.OID("main~3"))
		server := shallowServer(t, whole, 5)
		var requests atomic.Int64
		url := server.Path
		if way != "in place" {
			url = gittest.Serve(t, server, gittest.Options{Protocol: way, Requests: &requests})
		}
		b := newBench(t, url)
		for _, step := range []struct {
			name string
			do   func()
		}{
			{"at first", func() {}},
			{"a push", func() { server.CommitTo("refs/heads/main", "ABC-3") }},
			{"a merge", func() { server.CommitTo("refs/heads/main", "ABC-4", server.OID("main"), server.OID("topic")) }},
			{"an unrelated branch", func() { server.Orphan("refs/heads/other", "ABC-5") }},
			{"a push to the unrelated branch", func() { server.CommitTo("refs/heads/other", "ABC-6") }},
			{"a deeper history", func() { server.Git("fetch", "--quiet", "--deepen=4", "origin", "refs/heads/main") }},
			{"a push after that", func() { server.CommitTo("refs/heads/main", "ABC-7") }},
			{"the whole history", func() { server.Git("fetch", "--quiet", "--unshallow", "origin", "refs/heads/main") }},
			{"a push to the whole", func() { server.CommitTo("refs/heads/topic", "ABC-8") }},
		} {
			step.do()
			b.look()
			if d := cmp.Diff(truth(t, server), b.links()); d != "" {
				t.Fatalf("%q, after %s the index differs from git log (-git +index):\n%s", way, step.name, d)
			}
		}
		b.verify()
		requests.Store(0)
		if b.look(); requests.Load() > 1 {
			t.Errorf("%q: a look costs %d requests when nothing is cut any more", way, requests.Load())
		}
	}
}

func TestADefaultBranchThatChangesAloneIsSeen(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	repo.CommitTo("refs/heads/next", "ABC-2", repo.OID("main"))
	for _, protocol := range []string{"", "none"} {
		repo.Git("symbolic-ref", "HEAD", "refs/heads/main")
		b := newBench(t, gittest.Serve(t, repo, gittest.Options{Protocol: protocol}))
		b.look()
		for _, branch := range []string{"refs/heads/next", "refs/heads/main"} {
			repo.Git("symbolic-ref", "HEAD", branch)
			b.look()
			if is := b.repository().DefaultBranch; is != branch {
				t.Errorf("protocol %q: the default branch is %q after it became %q", protocol, is, branch)
			}
			heads, err := filepath.Glob(filepath.Join(b.mirrors, "*.git"))
			if err != nil || len(heads) != 1 {
				t.Fatalf("mirrors are %q, %v", heads, err)
			}
			if is := gittest.Open(t, heads[0]).Git("symbolic-ref", "HEAD"); is != branch {
				t.Errorf("protocol %q: the mirror's HEAD is %q after it became %q", protocol, is, branch)
			}
		}
	}
}

func TestARemoteThatIsEmptyAtFirstIsIndexedFromItsFirstPushOn(t *testing.T) {
	repo := gittest.Init(t)
	for _, protocol := range []string{"", "none"} {
		server := repo.Copy()
		b := newBench(t, gittest.Serve(t, server, gittest.Options{Protocol: protocol}))
		b.look()
		server.Commit("ABC-1")
		b.look()
		if d := cmp.Diff(truth(t, server), b.links()); d != "" {
			t.Errorf("protocol %q: the index differs from git log (-git +index):\n%s", protocol, d)
		}
		server.Git("update-ref", "-d", "refs/heads/main")
		if b.look(); len(b.links()) > 0 {
			t.Errorf("protocol %q: of a repository emptied again there is %v", protocol, b.links())
		}
	}
}
