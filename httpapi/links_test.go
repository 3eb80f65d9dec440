package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"keytrail/storage"
)

// madeLinks makes addresses that tell what they were made from.
type madeLinks struct{ page string }

func (l madeLinks) Branch(name string) string        { return l.page + "/branch/" + name }
func (l madeLinks) Tag(name string) string           { return l.page + "/tag/" + name }
func (l madeLinks) PullRequest(number string) string { return l.page + "/pull/" + number }

func (l madeLinks) Commit(c LinkedCommit) string {
	return fmt.Sprintf("%s/commit/%d/parent/%d/on/%s", l.page, c.SHA[0], c.Parent[0], c.Branch)
}

func (l madeLinks) File(c LinkedCommit, path string) string {
	return fmt.Sprintf("%s/file/%d/%s", l.page, c.SHA[0], path)
}

// withLinks links the repositories that have a page.
func withLinks(o *Options) {
	o.Links = func(r storage.Repository) Links {
		if r.WebURL == "" {
			return noLinks{}
		}
		return madeLinks{r.WebURL}
	}
}

const page = "https://git.example.com/kafka"

func TestAnswersLinkWhatHasAPage(t *testing.T) {
	f := newFixture(t, withLinks)
	var commits Commits
	f.get("/api/v1/issues/KAFKA-7/commits?files=true").json(&commits)
	got := map[string]string{}
	for _, c := range commits.Commits {
		got[fmt.Sprintf("%d:%d", c.Repository.ID, c.SHA[0])] = c.URL
		if linked := len(c.Files) > 0 && c.Files[0].URL == fmt.Sprintf("%s/file/%d/file0", page, c.SHA[0]); linked != (c.Repository.ID == kafka) {
			t.Errorf("files of commit %d in repository %d: %+v", c.SHA[0], c.Repository.ID, c.Files)
		}
	}
	for commit, want := range map[string]string{
		"1:4": page + "/commit/4/parent/2/on/trunk", "1:5": page + "/commit/5/parent/2/on/kafka-7-side",
		"1:1": page + "/commit/1/parent/0/on/trunk", "2:1": "",
	} {
		if got[commit] != want {
			t.Errorf("commit %s has the page %q, want %q", commit, got[commit], want)
		}
	}
	var issue Issue
	f.get("/api/v1/issues/KAFKA-7").json(&issue)
	isLinked := func(url string) func(Ref) bool { return func(r Ref) bool { return r.URL == url } }
	if !slices.ContainsFunc(issue.Branches, isLinked(page+"/branch/kafka-7-side")) || !slices.ContainsFunc(issue.Tags, isLinked(page+"/tag/1.0")) {
		t.Errorf("branches %+v, tags %+v", issue.Branches, issue.Tags)
	}
	var one Commit
	f.get("/api/v1/repositories/1/commits/" + oid(4).String()).json(&one)
	var diff Diff
	f.get(diffPath + oid(4).String() + "/diff").json(&diff)
	if one.URL != got["1:4"] || diff.Files[1].URL != page+"/file/4/file1" {
		t.Errorf("the commit alone has the page %q, its file %q", one.URL, diff.Files[1].URL)
	}
}

func TestADeletedFileIsLinkedInTheParentAndAQuotedPathIsNot(t *testing.T) {
	f := newFixture(t, withLinks)
	in := f.server.options.show(storage.Repository{RepositorySpec: storage.RepositorySpec{WebURL: page}})
	files := []File{{Path: "gone", Change: storage.ChangeDeleted}, {Path: `"caf\351"`, Change: storage.ChangeAdded}}
	in.linkFiles(Commit{SHA: oid(4), Parents: []storage.OID{oid(2)}}, files)
	if files[0].URL != page+"/file/2/gone" || files[1].URL != "" {
		t.Errorf("%+v", files)
	}
}

func TestAPullRequestHasThePageThatItsHostNamesElseOneThatIsMade(t *testing.T) {
	f := newFixture(t, withLinks)
	in := f.server.options.show(storage.Repository{RepositorySpec: storage.RepositorySpec{WebURL: page}})
	for given, want := range map[string]string{"": page + "/pull/7", "https://git.example.com/own/7": "https://git.example.com/own/7"} {
		if got := in.pullRequest(storage.PullRequest{Number: 7, WebURL: given}).URL; got != want {
			t.Errorf("given %q: %s, want %s", given, got, want)
		}
	}
	made := f.post("/api/v1/repositories/1/branches", `{"name":"side"}`)
	if made.status != http.StatusCreated {
		t.Fatalf("%d %s", made.status, made.body)
	}
}
