package mirror

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"keytrail/indexer/mirror/gittest"
)

// servedWithMany serves a repository with some branches, a tag and a note.
func servedWithMany(t *testing.T) (*gittest.Repo, *Remote) {
	t.Helper()
	repo := gittest.Init(t)
	main := repo.Commits("refs/heads/main", "AB-1", 3)
	for _, name := range []string{"a", "b", "release/1", "release/2"} {
		repo.Git("branch", name)
	}
	repo.Git("tag", "-a", "-m", "one", "v1", "main~1")
	repo.Git("notes", "add", "-m", "AB-2", main.String())
	return repo, openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
}

// TestALookAfterAFetchNamesWhatDiffers makes changes of every kind: each look is partial, names what changed and no more, and, made
// whole, is what a first look at the server is. The mirror has the refs of the server after each.
func TestALookAfterAFetchNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	repo, r := servedWithMany(t)
	before, _ := update(t, r, nil)
	for _, step := range []struct {
		name    string
		do      func()
		changed []string
		gone    []string
	}{
		{"a commit", func() { repo.Commit("AB-3") }, []string{"refs/heads/main"}, nil},
		{"a new branch and a deleted one", func() { repo.Git("branch", "c"); repo.Git("branch", "-D", "a") }, []string{"refs/heads/c"}, []string{"refs/heads/a"}},
		{"names below where a name was", func() { repo.Git("branch", "-D", "b"); repo.Git("branch", "b/x") }, []string{"refs/heads/b/x"}, []string{"refs/heads/b"}},
		{"a name where names were", func() {
			repo.Git("branch", "-D", "release/1", "release/2")
			repo.Git("branch", "release")
		}, []string{"refs/heads/release"}, []string{"refs/heads/release/1", "refs/heads/release/2"}},
		{"a moved tag", func() { repo.Git("tag", "-f", "-a", "-m", "two", "v1", "main") }, []string{"refs/tags/v1"}, nil},
		{"a note", func() { repo.Git("notes", "add", "-f", "-m", "AB-4", "main") }, []string{"refs/notes/commits"}, nil},
		{"no notes", func() { repo.Git("update-ref", "-d", "refs/notes/commits") }, nil, []string{"refs/notes/commits"}},
		{"a commit, and a tag of its tree, which is not delivered", func() {
			repo.Commit("AB-5")
			repo.Git("update-ref", "refs/tags/tree", repo.Git("rev-parse", "main^{tree}"))
		}, []string{"refs/heads/main", "refs/tags/tree"}, nil},
		{"a commit beside it", func() { repo.Commit("AB-6") }, []string{"refs/heads/main"}, nil},
		{"the tag is gone", func() { repo.Git("update-ref", "-d", "refs/tags/tree") }, nil, []string{"refs/tags/tree"}},
		{"another default branch", func() { repo.Git("symbolic-ref", "HEAD", "refs/heads/c") }, nil, nil},
	} {
		step.do()
		now, err := r.Look(t.Context(), before.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if !now.IsPartial || !slices.Equal(names(now.Refs), step.changed) || !slices.Equal(now.Gone, step.gone) {
			t.Fatalf("%s: partial %v, changed %q, gone %q", step.name, now.IsPartial, names(now.Refs), now.Gone)
		}
		fresh, whole := look(t, openRemote(t, r.url, RemoteOptions{})), *now
		if err := whole.Whole(); err != nil || !slices.Equal(whole.Refs, fresh.Refs) || whole.Head != fresh.Head || now.Count != len(fresh.Refs) {
			t.Errorf("%s: the whole look is %+v, %v; want %+v", step.name, whole, err, fresh)
		}
		if _, err := r.Fetch(t.Context(), now, now.Refs, nil); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		mustAgree(t, r, repo)
		want := repo.Refs()
		delete(want, "refs/notes/commits")
		delete(want, "refs/tags/tree")
		if has := gittest.Open(t, r.mirror.dir).Refs(); !maps.Equal(has, want) {
			t.Errorf("%s: the mirror has the refs %v, the server %v", step.name, has, want)
		}
		before = now
	}
	if err := before.Whole(); err == nil {
		t.Error("a look that was fetched is made whole")
	}
}

// TestALookIsWholeUnlessTheMirrorIsKnownToBeAsItWas leaves a mirror in other states than the look before tells of.
func TestALookIsWholeUnlessTheMirrorIsKnownToBeAsItWas(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(r *Remote, repo *gittest.Repo, before *Look) *Remote{
		"discarded": func(r *Remote, _ *gittest.Repo, _ *Look) *Remote {
			if err := r.Discard(); err != nil {
				t.Error(err)
			}
			return r
		},
		"opened anew": func(r *Remote, _ *gittest.Repo, _ *Look) *Remote {
			return openRemoteIn(t, r.mirror.dir, r.url, RemoteOptions{})
		},
		"fetched at a look between": func(r *Remote, repo *gittest.Repo, before *Look) *Remote {
			repo.Commit("AB-6")
			update(t, r, before)
			return r
		},
		"not fetched to the end": func(r *Remote, repo *gittest.Repo, before *Look) *Remote {
			repo.Commit("AB-6")
			now := lookSince(t, r, before)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := r.Fetch(ctx, now, now.Refs, nil); err == nil {
				t.Error("a cancelled fetch succeeds")
			}
			return r
		},
		"with damaged refs": func(r *Remote, _ *gittest.Repo, _ *Look) *Remote {
			writeFile(t, filepath.Join(r.mirror.dir, "packed-refs"), packedHeader+"damaged\n")
			return r
		},
	} {
		repo, r := servedWithMany(t)
		before, _ := update(t, r, nil)
		r = harm(r, repo, before)
		repo.Git("branch", "late")
		now, err := r.Look(t.Context(), before.Digest)
		if err != nil || now.IsPartial || !slices.Equal(now.Refs, look(t, openRemote(t, r.url, RemoteOptions{})).Refs) {
			t.Errorf("%s: partial %v, %v", name, now.IsPartial, err)
		}
	}
}

// TestALookThatMapsNamesIsWhole has a refspec that gives refs other names, which are in another order.
func TestALookThatMapsNamesIsWhole(t *testing.T) {
	repo, r := servedWithMany(t)
	r.specs = chosen(t, "refs/heads/*:refs/remotes/origin/*")
	before, _ := update(t, r, nil)
	repo.Commit("AB-3")
	if now := lookSince(t, r, before); now.IsPartial || len(now.Refs) != now.Count {
		t.Errorf("%d refs of %d", len(now.Refs), now.Count)
	}
}

// TestAMirrorThatSomebodyRemovedIsMadeAgain removes one behind the back of its source.
func TestAMirrorThatSomebodyRemovedIsMadeAgain(t *testing.T) {
	repo, r := servedWithMany(t)
	before, _ := update(t, r, nil)
	repo.Commit("AB-3")
	before, _ = update(t, r, before)
	if err := os.RemoveAll(r.mirror.dir); err != nil {
		t.Fatal(err)
	}
	repo.Commit("AB-4")
	update(t, r, before)
	mustAgree(t, r, repo)
}
