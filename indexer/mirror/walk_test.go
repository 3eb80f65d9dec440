package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// randomHistory writes commits with up to three parents each and gives the tips of its branches.
func randomHistory(repo *gittest.Repo, random *rand.Rand, commits int) {
	var made []storage.OID
	for i := range commits {
		var parents []storage.OID
		for range min(len(made), random.IntN(4)) {
			parents = append(parents, made[random.IntN(len(made))])
		}
		ref := fmt.Sprintf("refs/heads/b%d", random.IntN(6))
		if len(parents) == 0 {
			made = append(made, repo.Orphan(ref, fmt.Sprint("AB-", i)))
			continue
		}
		made = append(made, repo.CommitTo(ref, fmt.Sprint("AB-", i), parents...))
	}
}

func TestTheWalkOfAnyHistoryIsThatOfRevList(t *testing.T) {
	for seed := range uint64(2) {
		repo := gittest.Init(t)
		random := rand.New(rand.NewPCG(seed, 0))
		randomHistory(repo, random, 30)
		if seed == 1 {
			repo.Git("repack", "-adq")
		}
		l := openLocal(t, repo.Path)
		_, fetched := update(t, l, nil)
		if got, want := sorted(walked(t, l, tips(fetched.Refs), nil)), sortedLines(repo.Git("rev-list", "--all")); got != want {
			t.Fatalf("seed %d: the walk has\n%s\nrev-list\n%s", seed, got, want)
		}
		for _, cut := range fetched.Refs {
			// What an index knows is always whole: with a commit, all its ancestors.
			below := walked(t, l, []storage.OID{cut.Commit}, nil)
			known := func(oid storage.OID) (bool, error) { _, ok := below[oid]; return ok, nil }
			got := sorted(walked(t, l, tips(fetched.Refs), known))
			if want := sortedLines(repo.Git("rev-list", "--all", "^"+cut.Commit.String())); got != want {
				t.Errorf("seed %d, %s known: the walk has\n%s\nrev-list\n%s", seed, cut.Name, got, want)
			}
		}
	}
}

func TestAWalkEndsWithItsContext(t *testing.T) {
	repo := gittest.Init(t)
	tip := repo.Commits("refs/heads/main", "AB-1", 3000)
	l := openLocal(t, repo.Path)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for commits, err := range l.Walk(ctx, []storage.OID{tip}, nil, nil) {
		last = err
		n += len(commits)
		cancel()
	}
	if !errors.Is(last, context.Canceled) || n >= 3000 {
		t.Errorf("after %d commits the walk ended with %v", n, last)
	}
	if err := walkError(ctx, l, tip); !errors.Is(err, context.Canceled) {
		t.Errorf("a walk that began cancelled ended with %v", err)
	}
	if _, err := l.Look(ctx, Digest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled look ended with %v", err)
	}
}

func TestAConsumerMayStopAtAnyBatch(t *testing.T) {
	repo := gittest.Init(t)
	tip := repo.Commits("refs/heads/main", "AB-1", 3000)
	for _, stopAfter := range []int{1, 2, 3, 9} {
		n := 0
		for _, err := range openLocal(t, repo.Path).Walk(t.Context(), []storage.OID{tip}, nil, nil) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == stopAfter {
				break
			}
		}
		if n != stopAfter {
			t.Errorf("%d batches came before number %d", n, stopAfter)
		}
	}
}

func TestAFailureToTellWhatIsKnownEndsTheWalk(t *testing.T) {
	repo := gittest.Init(t)
	tip := repo.Commits("refs/heads/main", "AB-1", 300)
	failed := errors.New("the store is closed")
	for _, failAt := range []int{1, 100} {
		asked := 0
		known := func(storage.OID) (bool, error) {
			if asked++; asked >= failAt {
				return false, failed
			}
			return false, nil
		}
		l, err := OpenLocal(repo.Path, chosen(t), Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range l.Walk(t.Context(), []storage.OID{tip}, known, nil) {
			last = err
		}
		wantError(t, last, failed, repo.Path)
	}
}

func TestAShallowCloneEndsWhereItWasCut(t *testing.T) {
	origin := gittest.Init(t)
	origin.Commits("refs/heads/main", "AB-1", 10)
	path := filepath.Join(t.TempDir(), "clone.git")
	origin.Git("clone", "-q", "--bare", "--depth=3", "file://"+origin.Path, path)
	l := openLocal(t, path)
	_, fetched := update(t, l, nil)
	commits := walked(t, l, tips(fetched.Refs), nil)
	cut := origin.OID("main~2")
	if len(commits) != 3 || !commits[cut].Shallow || len(commits[cut].Parents) != 1 {
		t.Errorf("%d commits, the last is %+v", len(commits), commits[cut])
	}
	if commits[origin.OID("main")].Shallow {
		t.Error("the tip is called shallow")
	}
	if err := os.WriteFile(filepath.Join(path, "shallow"), []byte("garbage\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, walkError(t.Context(), l, cut), ErrCorrupt, path, "shallow")
}

func TestAWorkTreeALinkedOneAndBorrowedObjectsAreReadAlike(t *testing.T) {
	origin := gittest.Init(t)
	origin.Commits("refs/heads/main", "AB-1", 5)
	dir := t.TempDir()
	clone, linked, borrower, bare := filepath.Join(dir, "clone"), filepath.Join(dir, "linked"), filepath.Join(dir, "borrower"), origin.Path
	origin.Git("clone", "-q", origin.Path, clone)
	origin.Git("-C", clone, "worktree", "add", "-q", "-b", "topic", linked)
	origin.Git("clone", "-q", "--bare", "--shared", origin.Path, borrower)
	if _, err := os.Stat(filepath.Join(borrower, "objects/info/alternates")); err != nil {
		t.Fatalf("git made no alternates: %v", err)
	}
	for path, head := range map[string]string{clone: "refs/heads/main", linked: "refs/heads/topic", borrower: "refs/heads/main", bare: "refs/heads/main", filepath.Join(clone, ".git"): "refs/heads/main"} {
		l := openLocal(t, path)
		now, fetched := update(t, l, nil)
		if now.Head != head {
			t.Errorf("%s: HEAD is %s", path, now.Head)
		}
		if n := len(walked(t, l, tips(fetched.Refs), nil)); n != 5 {
			t.Errorf("%s: %d commits", path, n)
		}
	}
}

func TestLooseRefsOverridePackedOnesAndSymbolicOnesAreFollowed(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("AB-1")
	repo.Git("branch", "packed")
	repo.Git("pack-refs", "--all")
	repo.Commit("AB-2")
	repo.Git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
	repo.Git("symbolic-ref", "refs/heads/alias-of-alias", "refs/heads/alias")
	repo.Git("symbolic-ref", "refs/heads/to-packed", "refs/heads/packed")
	repo.Git("symbolic-ref", "refs/heads/dangling", "refs/heads/none")
	repo.Git("symbolic-ref", "refs/heads/circle", "refs/heads/elcric")
	repo.Git("symbolic-ref", "refs/heads/elcric", "refs/heads/circle")
	now := look(t, openLocal(t, repo.Path))
	want := map[string]storage.OID{}
	for _, name := range []string{"main", "packed", "alias", "alias-of-alias", "to-packed"} {
		want["refs/heads/"+name] = repo.OID("refs/heads/" + name)
	}
	if len(now.Refs) != len(want) {
		t.Errorf("refs are %q", names(now.Refs))
	}
	for name, oid := range want {
		if got := find(t, now.Refs, name); got.OID != oid {
			t.Errorf("%s is %s, git says %s", name, got.OID, oid)
		}
	}
	repo.Git("update-ref", "--no-deref", "HEAD", now.Refs[0].OID.String())
	if now := look(t, openLocal(t, repo.Path)); now.Head != "" {
		t.Errorf("a detached HEAD is on %q", now.Head)
	}
}

func TestReadingInPlaceWritesNothing(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("AB-1")
	list := func() string {
		out, err := exec.Command("find", repo.Path, "-printf", "%p %T@ %s\n").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	before := list()
	l := openLocal(t, repo.Path)
	_, fetched := update(t, l, nil)
	walked(t, l, tips(fetched.Refs), nil)
	if err := errors.Join(l.Discard(), l.Close()); err != nil {
		t.Error(err)
	}
	if after := list(); after != before {
		t.Errorf("the repository changed from\n%s\nto\n%s", before, after)
	}
}

// TestAWalkThatPackfileGivesUpGoesOnThroughLibgit2 gives up after any number of commits: none is missed, and none comes twice.
func TestAWalkThatPackfileGivesUpGoesOnThroughLibgit2(t *testing.T) {
	repo := gittest.Init(t)
	tip := repo.Commits("refs/heads/main", "AB-1", 300)
	for _, giveUpAfter := range []int{0, 1, 150, 300} {
		w := &walk{ctx: t.Context(), dirs: gitDirs{own: repo.Path, common: repo.Path}, workers: 2, tips: []storage.OID{tip}}
		all := map[storage.OID]int{}
		for commits, err := range w.packs() {
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range commits[:min(len(commits), giveUpAfter-len(all))] {
				all[c.OID]++
			}
		}
		given := maps.Clone(all)
		w.goOn(func(oid storage.OID) bool { return given[oid] > 0 }, func(commits []storage.Commit, err error) bool {
			if err != nil {
				t.Error(err)
			}
			for _, c := range commits {
				all[c.OID]++
			}
			return true
		})
		if len(all) != 300 || len(given) != giveUpAfter {
			t.Errorf("after %d: %d commits", giveUpAfter, len(all))
		}
		for oid, n := range all {
			if n != 1 {
				t.Errorf("after %d: %s came %d times", giveUpAfter, oid, n)
			}
		}
	}
}
