package bench

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAnAnswerMustHaveTheRefsAndCommitsOfTheServer(t *testing.T) {
	o := fetchSet(t)
	repo := o.Cases[0].Repo
	all, err := readTruth(t.Context(), repo, []string{"refs/heads", "refs/tags", "refs/pull"})
	if err != nil {
		t.Fatal(err)
	}
	if all.commits != 150 || strings.Count(all.refs, "\n") < 13 {
		t.Errorf("%d commits, refs\n%s", all.commits, all.refs)
	}
	if err := all.check(t.Context(), repo); err != nil {
		t.Errorf("the server differs from itself: %v", err)
	}
	some, err := readTruth(t.Context(), repo, []string{"refs/heads", "refs/tags"})
	if err != nil {
		t.Fatal(err)
	}
	if err := some.check(t.Context(), repo); err == nil || !strings.Contains(err.Error(), "refs are not the server's") {
		t.Errorf("error %v for refs that were not asked for", err)
	}
	all.commits++
	if err := all.check(t.Context(), repo); err == nil || !strings.Contains(err.Error(), "150 commits, the server has 151") {
		t.Errorf("error %v for a missing commit", err)
	}
	if err := all.check(t.Context(), filepath.Join(repo, "absent")); err == nil {
		t.Error("an absent repository is right")
	}
}

func TestAPushedCommitIsOneMoreWithATreeAndAFile(t *testing.T) {
	repo := fetchSet(t).Cases[0].Repo
	before, err := countObjects(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	for number := range 2 {
		size, err := pushCommit(t.Context(), repo, number)
		if err != nil || size < 100 || size > 300 {
			t.Fatalf("a commit of %d bytes, error %v", size, err)
		}
	}
	if after, err := countObjects(t.Context(), repo); err != nil || after-before != 6 {
		t.Errorf("%d more objects, error %v; want two commits, trees and files", after-before, err)
	}
	if subject, err := output(t.Context(), "git", "--git-dir", repo, "log", "-1", "--format=%s"); err != nil || subject != "PUSH-2 Measure one new commit" {
		t.Errorf("the newest commit is %q, error %v", subject, err)
	}
}

func TestOtherPrefixesAreThoseOfRefsThatAreNotFetchedAnyway(t *testing.T) {
	names := "refs/heads/main\nrefs/heads/pull/1\nrefs/tags/v1\nrefs/notes/commits\nrefs/stash\nrefs/pull/1/head\nrefs/pull/2/head\nrefs/changes/01/1/1\n"
	if got, want := otherPrefixes(names), []string{"refs/pull", "refs/changes"}; !slices.Equal(got, want) {
		t.Errorf("prefixes %v, want %v", got, want)
	}
	if got, err := OtherPrefixes(t.Context(), fetchSet(t).Cases[0].Repo); err != nil || !slices.Equal(got, []string{"refs/pull"}) {
		t.Errorf("prefixes %v of a repository, error %v", got, err)
	}
}

func TestARepositoryWithRealTreesIsMadeOnceAndWhole(t *testing.T) {
	work := filepath.Join(t.TempDir(), "work")
	var heads [2]string
	for i := range heads {
		repo, err := MakeTrees(t.Context(), 20, work)
		if err != nil {
			t.Fatal(err)
		}
		if heads[i], err = output(t.Context(), "git", "--git-dir", repo, "rev-list", "--all", "--count"); err != nil || heads[i] != "20" {
			t.Errorf("%s commits, error %v; want 20", heads[i], err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(work, "*")); len(left) != 1 {
		t.Errorf("work holds %v, want one repository", left)
	}
}
