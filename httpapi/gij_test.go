package httpapi

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"keytrail/storage"
)

// gijRefusal checks that an answer is a failure of the dialect with a status, whose advice has a part.
func (a reply) gijRefusal(status int, part string) {
	a.t.Helper()
	var failed gijFailure
	if err := json.Unmarshal(a.body, &failed); err != nil || a.status != status || failed.Success || failed.Error == "" {
		a.t.Errorf("status %d, %s; want a failure with status %d", a.status, a.body, status)
	}
	if !strings.Contains(failed.Advice, part) {
		a.t.Errorf("the advice %q lacks %q", failed.Advice, part)
	}
}

// A client that loops over issues and reads the fields which documentation and clients name, in both spellings of each.
func TestGIJIssueCommitsHaveTheFieldsThatClientsRead(t *testing.T) {
	f := newFixture(t)
	want := fmt.Sprintf(`{"success":true,"commits":[`+
		`{"author":"Ada Example <ada@example.com>","commitId":"%s","isMergeCommit":true,"mergeCommit":true,"date":"2024-10-25T11:00:00-0800",`+
		`"message":"KAFKA-7: merge\n","repository":{"id":1,"name":"kafka"},"branch":"trunk","branches":["trunk"],"notes":{}},`+
		`{"author":"Ada Example <ada@example.com>","commitId":"%s","isMergeCommit":false,"mergeCommit":false,"date":"2024-10-23T10:00:00+0000",`+
		`"message":"KAFKA-7: aside\n","repository":{"id":1,"name":"kafka"},"branch":"kafka-7-side","branches":["kafka-7-side"],"notes":{}},`+
		`{"author":"Ada Example <ada@example.com>","commitId":"%s","isMergeCommit":false,"mergeCommit":false,"date":"2024-10-21T10:00:00+0500",`+
		`"message":"KAFKA-7, ZK-1: <go> on & on\n","repository":{"id":1,"name":"kafka"},"branch":"trunk","branches":["trunk","kafka-7-side"],`+
		`"notes":{"refs/notes/commits":"reviewed, ZK-2\n"}},`, oid(4), oid(5), oid(2))
	if have := string(f.get("/rest/gitplugin/1.0/issues/KAFKA-7/commits").body); !strings.HasPrefix(have, want) || strings.Contains(have, "files") {
		t.Errorf("have\n%s\nwant\n%s", have, want)
	}
}

func TestGIJServesEachFormOfAnAddressTheSame(t *testing.T) {
	f := newFixture(t)
	for plain, others := range map[string][]string{
		"/rest/gitplugin/1.0/issues/KAFKA-7/commits": {
			"/rest/gitplugin/latest/issues/KAFKA-7/commits", "/rest/gitplugin/2.0/issues/KAFKA-7/commits", "/jira/rest/gitplugin/1.0/issues/KAFKA-7/commits",
			"/rest/gitplugin/1.0/issues/kafka-7/commits", "/rest/gitplugin/1.0/issues/OLD-7/commits", "/rest/gitplugin/1.0/issues/KAFKA-7/commits.json",
			"/rest/gitplugin/1.0/issues/KAFKA-7/commits?showFiles=false&_=1732000000000&os_authType=basic",
			"/rest/gitplugin/1.0/issues/KAFKA-7/commits/", "//rest/gitplugin/1.0//issues/KAFKA-7/commits", "/jira//rest/gitplugin/latest/issues/KAFKA-7/commits.json",
		},
		"/rest/gitplugin/1.0/issues/KAFKA-7/commits?showFiles=true": {
			"/rest/gitplugin/1.0/issues/KAFKA-7/commits?showfiles=true", "/rest/gitplugin/1.0/issues/KAFKA-7/commits?SHOWFILES=true",
			"/jira/rest/gitplugin/latest/issues/kafka-7/commits.json?showFiles=true",
		},
		"/rest/gitplugin/1.0/repository": {"/rest/gitplugin/1.0/repository.json", "/jira/rest/gitplugin/latest/repository.json", "/rest/gitplugin/1.0/repository/"},
		"/rest/gitplugin/1.0/index":      {"/rest/gitplugin/1.0/index.json", "/jira/rest/gitplugin/1.0/index.json"},
		"/rest/gitplugin/1.0/repository/1/commits/" + oid(2).String() + "/issues": {
			"/rest/gitplugin/1.0/repository/1/commit/" + oid(2).String() + "/issues", "/rest/gitplugin/1.0/commit/" + strings.ToUpper(oid(2).String()) + "/issues",
		},
		"/rest/gitplugin/1.0/issuegitdetails/issue/KAFKA-7/tag": {"/jira/rest/gitplugin/1.0/issuegitdetails/issue/KAFKA-7/tag?tagsPerRepository=0"},
	} {
		want := f.get(plain)
		for _, other := range others {
			if have := f.get(other); have.status != http.StatusOK || string(have.body) != string(want.body) {
				t.Errorf("%s: status %d, %s\n%s has\n%s", other, have.status, have.body, plain, want.body)
			}
		}
	}
}

func TestTheContextPathIsOfTheDialectsAlone(t *testing.T) {
	f := newFixture(t)
	f.get("/jira/api/v1/issues/KAFKA-7").problem(routeNotFound, "no route")
	f.get("/jiranto/rest/gitplugin/1.0/issues/KAFKA-7/commits").problem(routeNotFound, "no route")
	f.get("/api/v1/issues/KAFKA-7.json").problem(badKey, "no issue key")
	for _, target := range []string{"/jira/rest/gitplugin/webhook/1.0/reindex/kept-secret", "/jira//git/webhook/reindex/kept-secret"} {
		if answer := f.post(target, "{}"); answer.status != http.StatusOK {
			t.Errorf("%s: status %d", target, answer.status)
		}
	}
	if !slices.Equal(f.webhooks.delivered, []string{`any "kept-secret" 2 bytes`, `any "kept-secret" 2 bytes`}) {
		t.Errorf("delivered %q", f.webhooks.delivered)
	}
	if strings.Contains(f.log.String(), hookSecret) {
		t.Errorf("the secret is in the log: %s", f.log)
	}
	f = newFixture(t, func(o *Options) { o.ContextPath = "" })
	f.get("/jira/rest/gitplugin/1.0/issues/KAFKA-7/commits").problem(routeNotFound, "no route")
}

func TestAnIssueThatNothingLinksToIsEmptyInEveryAnswer(t *testing.T) {
	f := newFixture(t)
	for target, want := range map[string]string{
		"issues/NONE-1/commits":      `{"success":true,"commits":[]}`,
		"issues/branches?key=NONE-1": `{"success":true,"branches":[]}`,
		"issuegitdetails/issue/NONE-1": `{"success":true,"commitCount":0,"repositories":[],"enableBranchCreation":false,"gkEnabled":false,"glEnabled":false,` +
			`"notAllPermissions":false}`,
		"issuegitdetails/issue/NONE-1/tag":         `{"success":true,"tags":[],"hasMore":false,"isTagsFeatureEnabled":true,"calculationError":""}`,
		"issuegitdetails/issue/NONE-1/pullRequest": `{"success":true,"mergeRequests":{"items":[]},"pullRequests":{"items":[]}}`,
		"repository?projectKey=NONE":               `{"success":true,"repositories":[]}`,
	} {
		if answer := f.get("/rest/gitplugin/1.0/" + target); answer.status != http.StatusOK || string(answer.body) != want+"\n" {
			t.Errorf("%s: status %d, %s want %s", target, answer.status, answer.body, want)
		}
	}
}

func TestGIJFailuresAreInItsEnvelope(t *testing.T) {
	f := newFixture(t)
	const at = "/rest/gitplugin/1.0/"
	f.get(at+"issues/nonsense/commits").gijRefusal(http.StatusBadRequest, `"nonsense" is no issue key`)
	f.get(at+"issues/branches?key=A").gijRefusal(http.StatusBadRequest, "no issue key")
	if all, empty := f.get(at+"issues/branches"), f.get(at+"issues/branches?key="); string(all.body) != string(empty.body) {
		t.Errorf("an empty key is not as none: %s", empty.body)
	}
	f.get(at+"repository/77/commits/"+oid(2).String()+"/issues").gijRefusal(http.StatusNotFound, "no repository 77")
	f.get(at+"repository/1/commits/"+oid(9).String()+"/issues").gijRefusal(http.StatusNotFound, oid(9).String())
	f.get(at+"commit/"+oid(9).String()+"/issues").gijRefusal(http.StatusNotFound, oid(9).String())
	f.get(at+"commit/0200/issues").gijRefusal(http.StatusBadRequest, "all 40")
	f.get(at+"repository/all?limit=101").gijRefusal(http.StatusBadRequest, "from 1 to 100")
	f.get(at+"index.json?threadId=172").gijRefusal(http.StatusNotFound, `no thread "172"`)
	f.get(at+"issues/KAFKA-7/commits?a=%zz").gijRefusal(http.StatusBadRequest, "malformed")
	f.get(at+"files/1/"+oid(2).String()+"/a.go").gijRefusal(http.StatusNotFound, "no route has this path")
	f.get("/rest/gitplugin/3.0/issues/KAFKA-7/commits").gijRefusal(http.StatusNotFound, `no version "3.0"`)
	f.do(http.MethodDelete, at+"issues/KAFKA-7/commits", "").gijRefusal(http.StatusMethodNotAllowed, "GET")
	f.do(http.MethodDelete, at+"repository?id=3&deleteFiles=true", "").gijRefusal(http.StatusNotImplemented, "configuration file")
	f.do(http.MethodPut, at+"repository/3/disable?disable=true", "").gijRefusal(http.StatusNotImplemented, "configuration file")
	f.post(at+"repository", `{"origin":"https://git.example.com/a.git"}`).gijRefusal(http.StatusNotImplemented, "configuration file")
	f.post(at+"repository/1/commits/"+oid(2).String()+"/issues", `{"changeStrs":["x:KAFKA-7"]}`).gijRefusal(http.StatusBadRequest, `"x:KAFKA-7"`)
	f.post(at+"repository/1/commits/"+oid(2).String()+"/issues", `{"changeStrs":[]}`).gijRefusal(http.StatusBadRequest, "at least one")
	f.post(at+"reindex", `{"repoId":5}`).gijRefusal(http.StatusConflict, "repository 5 is gone")
	f.post(at+"reindex", `{"repoId":`).gijRefusal(http.StatusBadRequest, "ends too early")
	f.store.err = storage.ErrCorrupt
	f.get(at+"issuegitdetails/issue/KAFKA-7").gijRefusal(http.StatusInternalServerError, "keytrail verify")
}

func TestGIJTakesATokenAsPasswordOrBearer(t *testing.T) {
	f := newFixture(t, withTokens)
	const target = "/rest/gitplugin/1.0/issues/KAFKA-7/commits"
	f.get(target).gijRefusal(http.StatusUnauthorized, "basic authentication")
	f.get(target, "Authorization", basicOf("ada", "wrong")).gijRefusal(http.StatusUnauthorized, "none of the configured ones")
	for _, header := range []string{"Bearer " + secret, basicOf("ada", secret)} {
		if answer := f.get(target, "Authorization", header); answer.status != http.StatusOK {
			t.Errorf("status %d", answer.status)
		}
	}
	f.get("/rest/gitplugin/1.0/files/1", "Authorization", basicOf("ada", secret)).gijRefusal(http.StatusNotFound, "no route has this path")
}

func TestGIJTellsTheFilesOfCommits(t *testing.T) {
	f := newFixture(t)
	f.differ.errs = map[storage.OID]error{oid(4): &storage.SourceError{Class: storage.ClassTransient, Err: fmt.Errorf("reset")}}
	var page struct{ Commits []gijCommit }
	f.get("/rest/gitplugin/1.0/issues/KAFKA-7/commits?showFiles=true").json(&page)
	if c := page.Commits[0]; c.CommitID != oid(4) || c.Files != nil || !strings.Contains(c.FilesError, "ask again") {
		t.Errorf("commit %+v", c)
	}
	want := []gijFile{{Path: "file0"}, {Path: "file1", LinesAdded: 1, Added: true}}
	if c := page.Commits[2]; c.CommitID != oid(2) || !slices.Equal(c.Files, want) {
		t.Errorf("commit %+v, want files %+v", c, want)
	}
}

// manyCommits gives a repository so many commits of LONG-1 that they come in several pages.
func manyCommits(t *testing.T, f *fixture, n int) {
	made := make([]storage.Commit, n)
	for i := range made {
		made[i] = storage.Commit{
			OID: storage.OID{0: 0x70, 1: byte(i >> 8), 2: byte(i)}, Message: "LONG-1\n", Keys: []storage.IssueKey{"LONG-1"},
			Committer: storage.Signature{Name: "Bo Example", Email: "bo@example.com", Seconds: int64(1_700_000_000 + i)},
		}
		if i > 0 {
			made[i].Parents = []storage.OID{made[i-1].OID}
		}
	}
	last := made[n-1].OID
	advance(t, f.store, storage.Advance{
		Repository: twin, DefaultBranch: "refs/heads/main", SeenAt: now, Commits: commits(made...),
		Tips: []storage.TipChange{{Tip: storage.Tip{Ref: "refs/heads/main", OID: last, Commit: last}}},
	})
}

func TestGIJWritesAllCommitsOfALongIssue(t *testing.T) {
	f := newFixture(t)
	manyCommits(t, f, 25)
	f.store.pageSize = 10
	for target, hasFiles := range map[string]bool{"/rest/gitplugin/1.0/issues/LONG-1/commits": false, "/rest/gitplugin/1.0/issues/LONG-1/commits?showFiles=true": true} {
		var page struct {
			Success bool
			Commits []gijCommit
		}
		answer := f.get(target)
		answer.json(&page)
		seen := map[storage.OID]bool{}
		for i, c := range page.Commits {
			seen[c.CommitID] = true
			if (c.Files != nil) != hasFiles {
				t.Fatalf("%s: commit %d has %d files", target, i, len(c.Files))
			}
		}
		if !page.Success || len(page.Commits) != 25 || len(seen) != 25 || answer.header.Get("ETag") != "" {
			t.Errorf("%s: %d commits, %d distinct", target, len(page.Commits), len(seen))
		}
	}
	if answer := f.do(http.MethodHead, "/rest/gitplugin/1.0/issues/LONG-1/commits", ""); answer.status != http.StatusOK || len(answer.body) != 0 {
		t.Errorf("HEAD: status %d, %d bytes", answer.status, len(answer.body))
	}
}

func TestOnlyTheNewestGIJCommitsTellTheirFiles(t *testing.T) {
	f := newFixture(t)
	manyCommits(t, f, 25)
	all := gijListing{server: f.server, names: f.server.names(), query: storage.CommitQuery{Key: "LONG-1", Limit: 5}, files: 12}
	var commits []gijCommit
	for !all.isAtEnd {
		page, err := all.page(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		commits = append(commits, page...)
	}
	for i, c := range commits {
		if (c.Files != nil) != (i < 12) {
			t.Errorf("commit %d has %d files", i, len(c.Files))
		}
	}
	if len(commits) != 25 || all.query.Limit != storage.MaxLimit {
		t.Errorf("%d commits, pages of %d at the end", len(commits), all.query.Limit)
	}
}

func TestGIJEditsOfACommitHoldInEveryRepositoryAndSayWhoMadeThem(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.Tokens = []Token{{Name: "jira", Hash: sha256.Sum256([]byte(secret))}}
	})
	commit := "/rest/gitplugin/1.0/repository/1/commit/" + oid(2).String() + "/issues"
	answer := f.post(commit, `{"changeStrs":["d:ZK-1","a: new-5","A:NEW-6"]}`, "Authorization", basicOf("ada", secret))
	if want := `{"success":true,"issueKeys":["KAFKA-7","NEW-5","NEW-6","ZK-2"]}` + "\n"; string(answer.body) != want {
		t.Errorf("status %d, %s want %s", answer.status, answer.body, want)
	}
	f.tokens = true
	other := f.get("/rest/gitplugin/1.0/repository/2/commits/" + oid(2).String() + "/issues")
	if want := `{"success":true,"issueKeys":["KAFKA-7","NEW-5","NEW-6"]}` + "\n"; string(other.body) != want {
		t.Errorf("in the other repository: %s want %s", other.body, want)
	}
	held := f.get("/rest/gitplugin/1.0/commit/" + oid(2).String() + "/issues")
	if string(held.body) != string(answer.body) {
		t.Errorf("in all repositories: %s want %s", held.body, answer.body)
	}
	for a, err := range f.store.Associations(t.Context(), storage.AssociationQuery{}) {
		if err != nil || a.By != "ada" || a.Token != "jira" || !a.At.Equal(now) {
			t.Errorf("%+v %v", a, err)
		}
	}
}

func TestGIJBranchesAreThoseOfCommitsAndThePanelKnowsThoseByNameToo(t *testing.T) {
	f := newFixture(t)
	advance(t, f.store, storage.Advance{
		Repository: kafka, DefaultBranch: "refs/heads/trunk", SeenAt: now, Tips: []storage.TipChange{tip("refs/heads/zk-1-idea", 3, "ZK-1")},
	})
	for target, want := range map[string]string{
		"issues/branches?key=ZK-1":    `["kafka-7-side","main","trunk"]`,
		"issues/branches?KEY=kafka-7": `["kafka-7-side","main","trunk","zk-1-idea"]`,
		"issues/branches":             `["kafka-7-side","main","trunk","zk-1-idea"]`,
	} {
		if have := string(f.get("/rest/gitplugin/1.0/" + target).body); have != `{"success":true,"branches":`+want+"}\n" {
			t.Errorf("%s: %s want %s", target, have, want)
		}
	}
	want := `{"success":true,"commitCount":1,"repositories":[{"repoId":1,"repoName":"kafka","isGitViewerEnabled":false,"isRepoApiEnabled":true,"branches":[` +
		`{"name":"zk-1-idea","isAheadBehindPresented":true,"ahead":0,"behind":2}]},` +
		`{"repoId":2,"repoName":"tools","isGitViewerEnabled":false,"isRepoApiEnabled":true,"branches":[]}],` +
		`"enableBranchCreation":false,"gkEnabled":false,"glEnabled":false,"notAllPermissions":false}` + "\n"
	if have := string(f.get("/rest/gitplugin/1.0/issuegitdetails/issue/ZK-1").body); have != want {
		t.Errorf("have\n%s\nwant\n%s", have, want)
	}
}

func TestGIJTagsAreTheNewestFirstWithTheFirstReleaseApart(t *testing.T) {
	f := newFixture(t)
	advance(t, f.store, storage.Advance{
		Repository: kafka, DefaultBranch: "refs/heads/trunk", SeenAt: now, Tips: []storage.TipChange{tip("refs/tags/2.0", 4), tip("refs/tags/0.9", 1)},
	})
	var all, one struct {
		Tags     []gijTag
		FirstTag *gijTag
		HasMore  bool
	}
	f.get("/rest/gitplugin/1.0/issuegitdetails/issue/KAFKA-7/tag").json(&all)
	var names []string
	for _, tag := range all.Tags {
		names = append(names, tag.Name)
	}
	if !slices.Equal(names, []string{"2.0", "1.0", "0.9"}) || all.HasMore || all.FirstTag == nil || all.FirstTag.Name != "0.9" {
		t.Errorf("%q, first %+v", names, all.FirstTag)
	}
	want := gijTag{
		Name: "1.0", CommitID: oid(2), RepoID: 1, RepoName: "kafka", CreationDate: time.Date(2024, 10, 21, 5, 0, 0, 0, time.UTC).UnixMilli(),
		CreationDateFormatted: "2024-10-21T10:00:00+0500", CommitterName: "Bo Example", CommitterEmail: "bo@example.com",
	}
	if all.Tags[1] != want {
		t.Errorf("have %+v, want %+v", all.Tags[1], want)
	}
	f.get("/rest/gitplugin/1.0/issuegitdetails/issue/KAFKA-7/tag?tagsPerRepository=1").json(&one)
	if len(one.Tags) != 1 || one.Tags[0].Name != "2.0" || !one.HasMore || !reflect.DeepEqual(one.FirstTag, all.FirstTag) {
		t.Errorf("%+v", one)
	}
	f.get("/rest/gitplugin/1.0/issuegitdetails/issue/KAFKA-7/tag?tagsPerRepository=-1").gijRefusal(http.StatusBadRequest, "tagsPerRepository")
}

func TestAGIJTagThatGoesWhileItIsReadKeepsWhatWasKnown(t *testing.T) {
	f := newFixture(t)
	tags := []gijTag{{Name: "gone", CommitID: oid(9), RepoID: kafka, CreationDate: 1729486800000}}
	if err := f.server.completeGIJTags(t.Context(), tags, nil); err != nil || tags[0].CreationDateFormatted != "2024-10-21T05:00:00+0000" {
		t.Errorf("%+v, %v", tags[0], err)
	}
}
