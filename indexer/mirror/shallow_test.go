package mirror

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// shallowOf is a server that has the last 5 commits of main of another one.
func shallowOf(t *testing.T, whole *gittest.Repo) *gittest.Repo {
	t.Helper()
	path := filepath.Join(t.TempDir(), "repo.git")
	if out, err := exec.Command("git", "clone", "--quiet", "--bare", "--depth=5", "file://"+whole.Path, path).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	server := gittest.Open(t, path)
	server.Git("config", "uploadpack.allowFilter", "true")
	return server
}

func TestTheMirrorOfAShallowServerIsCutWhereTheServerIs(t *testing.T) {
	t.Parallel()
	whole := gittest.Init(t)
	whole.Commits("refs/heads/main", "AB-1", 30)
	whole.CommitTo("refs/heads/side", "AB-2", whole.OID("main~20"))
	for _, protocol := range []string{"", "none"} {
		server := shallowOf(t, whole)
		r := openRemote(t, gittest.Serve(t, server, gittest.Options{Protocol: protocol}), RemoteOptions{})
		before, fetched := update(t, r, nil)
		commits := walked(t, r, tips(fetched.Refs), nil)
		if oldest := whole.OID("main~4"); len(commits) != 5 || !commits[oldest].Shallow {
			t.Errorf("protocol %q: %d commits, the oldest is %+v", protocol, len(commits), commits[oldest])
		}
		mustAgree(t, r, server)
		server.Commit("AB-3")
		before, fetched = update(t, r, before)
		if fetched.Objects != 1 {
			t.Errorf("protocol %q: one new commit cost %d objects", protocol, fetched.Objects)
		}

		// Deepened between a look and its fetch: nothing may be missing, and the next look tells.
		server.Git("fetch", "--quiet", "--depth=1", "origin", "refs/heads/side:refs/heads/side")
		now := look(t, r)
		server.Git("fetch", "--quiet", "--unshallow", "origin", "refs/heads/main", "refs/heads/side")
		fetched, err := r.Fetch(t.Context(), now, changedSince(before, now), nil)
		if err != nil {
			t.Fatal(err)
		}
		walked(t, r, tips(fetched.Refs), nil)
		_, err = r.Look(t.Context(), Digest{})
		wantError(t, err, ErrDeepened, r.url)
		if err := r.Discard(); err != nil {
			t.Fatal(err)
		}
		update(t, r, nil)
		mustAgree(t, r, server)
	}
}

func TestABoundaryGrowsAndKeepsToWhatIsHere(t *testing.T) {
	b := readyBare(t)
	oids := addPacks(t, b, 3)
	o, err := newLookup(b.dirs())
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	for _, boundary := range [][]storage.OID{nil, {{1}}, {oids[0]}, {oids[2], {2}}, {oids[0]}} {
		cut, err := readShallow(b.dirs())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.cutAt(o, cut, boundary); err != nil {
			t.Fatal(err)
		}
	}
	cut, err := readShallow(b.dirs())
	want := []storage.OID{oids[0], oids[2]}
	slices.SortFunc(want, storage.OID.Compare)
	if err != nil || !slices.Equal(sortedOIDs(cut), want) {
		t.Errorf("the boundary is %v, %v", sortedOIDs(cut), err)
	}
}
