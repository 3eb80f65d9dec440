package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keytrail/storage"
)

// setPulls gives two repositories a pull request of KAFKA-7 each: a merged one and an open one.
func setPulls(t *testing.T, f *fixture) {
	pull := storage.PullRequest{
		ID: "501", Number: 12, Title: "KAFKA-7: go on", Description: "long", Source: "kafka-7-side", Target: "trunk", State: storage.PullRequestMerged,
		Author: "ada", Created: now.Add(-time.Hour), Updated: now, WebURL: "https://git.example.com/kafka/pulls/12", Keys: []storage.IssueKey{"KAFKA-7", "ZK-9"},
	}
	open := storage.PullRequest{ID: "7", Title: "KAFKA-7", State: storage.PullRequestOpen, Keys: []storage.IssueKey{"KAFKA-7"}}
	for id, p := range map[storage.RepositoryID]storage.PullRequest{kafka: pull, fork: open} {
		if err := f.store.SetPullRequests(t.Context(), id, storage.PullRequestUpdate{Changed: []storage.PullRequest{p}, SeenAt: now}); err != nil {
			t.Fatal(err)
		}
	}
}

// ofGitLab has the integration of the fixture be of GitLab.
type ofGitLab struct{ *recordedDiscoverer }

func (d ofGitLab) Integrations() []Integration {
	all := d.recordedDiscoverer.Integrations()
	all[0].Type = "gitlab"
	return all
}

func TestGIJPullRequestsOfGitLabAreMergeRequests(t *testing.T) {
	items := `{"items":[{"id":"12","title":"KAFKA-7: go on","description":"long","state":"MERGED","url":"https://git.example.com/kafka/pulls/12",` +
		`"baseBranch":"trunk","compareBranch":"kafka-7-side","author":"ada","updatedDate":1729857600000,"repository":{"id":1,"name":"kafka"}},` +
		`{"id":"7","title":"KAFKA-7","state":"OPENED","url":"","baseBranch":"","compareBranch":"","repository":{"id":2,"name":"tools"}}]}`
	f := newFixture(t)
	setPulls(t, f)
	const target = "/rest/gitplugin/1.0/issuegitdetails/issue/KAFKA-7/pullRequest"
	if have := string(f.get(target).body); have != `{"success":true,"mergeRequests":{"items":[]},"pullRequests":`+items+"}\n" {
		t.Errorf("of GitHub: %s", have)
	}
	f = newFixture(t, func(o *Options) { o.Discoverer = ofGitLab{&recordedDiscoverer{}} })
	setPulls(t, f)
	if have := string(f.get(target).body); have != `{"success":true,"mergeRequests":`+items+`,"pullRequests":{"items":[]}}`+"\n" {
		t.Errorf("of GitLab: %s", have)
	}
}

func TestGIJMakesAPullRequest(t *testing.T) {
	f := newFixture(t)
	const target = "/rest/gitplugin/1.0/repository/1/pullRequest"
	answer := f.post(target, `{"baseBranch":"release/2","compareBranch":"fix","title":"go on","issueKey":"kafka-7","integrationType":"GITHUB"}`)
	want := NewPullRequest{Title: "go on", Description: "KAFKA-7", Source: "fix", Target: "release/2"}
	if answer.status != http.StatusCreated || !strings.Contains(string(answer.body), `"state":"OPENED"`) || len(f.actions.pulls) != 1 || f.actions.pulls[0] != want {
		t.Errorf("status %d, %s, asked %+v", answer.status, answer.body, f.actions.pulls)
	}
	f.post(target, `{"compareBranch":"trunk","title":"go on"}`).gijRefusal(http.StatusBadRequest, "the same branch")
	f.actions.err = &ActionError{Reason: ActionRefused, Said: "Reference already exists"}
	f.post(target, `{"compareBranch":"fix","title":"go on"}`).gijRefusal(http.StatusUnprocessableEntity, "Reference already exists")
}

func TestGIJRepositoriesTellOnlyWhatIsKnown(t *testing.T) {
	f := newFixture(t)
	want := `{"success":true,"repositories":[{"id":1,"displayName":"kafka","origin":"https://git.example.com/kafka.git","mainBranch":"trunk","disabled":false,` +
		`"enableFetches":true,"hosted":false,"global":true,"revisionIndexing":true,"gitViewerEnabled":false,"lastIndexedDate":1729857540000,` +
		`"integrationType":"GITHUB","supportsPullRequestApi":"PULL_REQUESTS_GROUP","state":"UPDATED"},`
	if have := string(f.get("/rest/gitplugin/1.0/repository").body); !strings.HasPrefix(have, want) {
		t.Errorf("have\n%s\nwant\n%s", have, want)
	}
	list := func(target string) string {
		var page struct{ Repositories []gijRepository }
		f.get("/rest/gitplugin/1.0/" + target).json(&page)
		told := ""
		for _, r := range page.Repositories {
			told += fmt.Sprintf("%d %s %t, ", r.ID, r.State, r.Disabled)
		}
		return told
	}
	for target, want := range map[string]string{
		"repository":                   "1 UPDATED false, 2 UPDATED false, 3 QUEUED false, 4 ERROR false, ",
		"repository.json?all":          "1 UPDATED false, 2 UPDATED false, 3 QUEUED false, 4 ERROR false, 5 UPDATED true, ",
		"repository?projectKey=ZK":     "1 UPDATED false, 2 UPDATED false, ",
		"repository?projectkey=kafka":  "1 UPDATED false, 2 UPDATED false, ",
		"repository/all":               "1 UPDATED false, 2 UPDATED false, 3 QUEUED false, 4 ERROR false, 5 UPDATED true, ",
		"repository/all?offset=3":      "4 ERROR false, 5 UPDATED true, ",
		"repository/all?offset=9":      "",
		"repository/all?limit=1":       "1 UPDATED false, ",
		"repository?all=false&other=1": "1 UPDATED false, 2 UPDATED false, 3 QUEUED false, 4 ERROR false, ",
	} {
		if have := list(target); have != want {
			t.Errorf("%s: have %s want %s", target, have, want)
		}
	}
	if have := string(f.get("/rest/gitplugin/1.0/repository/all?offset=1&limit=2").body); !strings.HasPrefix(have, `{"success":true,"total":5,"offset":1,"count":2,`) {
		t.Error(have)
	}
	for url, isHosted := range map[string]bool{"/srv/git/shop.git": true, "file:///srv/git/shop.git": true, "ssh://git@git.example.com/shop.git": false} {
		if f.server.gijRepositoryOf(storage.Repository{RepositorySpec: storage.RepositorySpec{URL: url}}, nil).Hosted != isHosted {
			t.Errorf("%s: hosted is not %t", url, isHosted)
		}
	}
	want = `{"success":true,"integrations":[{"displayName":"acme","type":"GITHUB","state":"ERROR","lastIndexedDate":1729854000000}]}` + "\n"
	if have := string(f.get("/rest/gitplugin/1.0/integration").body); have != want {
		t.Errorf("have %s want %s", have, want)
	}
}

// A client that asks for a reindex and polls until it is finished.
func TestAGIJReindexIsFinishedWhenEachRepositoryHasBeenLookedAt(t *testing.T) {
	f := newFixture(t)
	var asked struct {
		Success, Finished bool
		ThreadID          string
	}
	f.post("/rest/gitplugin/2.0/reindex", `{"repoId":1,"priority":20}`).json(&asked)
	if !asked.Success || asked.Finished || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(asked.ThreadID) {
		t.Errorf("%+v", asked)
	}
	progress := func(want string) {
		t.Helper()
		have := string(f.get("/rest/gitplugin/1.0/index.json?threadId=" + asked.ThreadID).body)
		if want = strings.ReplaceAll(want, "ID", asked.ThreadID) + "\n"; have != want {
			t.Errorf("have %swant %s", have, want)
		}
	}
	progress(`{"success":true,"finished":false,"threadId":"ID","messages":{"Indexing kafka":0},"errors":{},"lastOperationPercent":0}`)
	if err := f.store.RecordLook(t.Context(), kafka, storage.Look{At: now}); err != nil {
		t.Fatal(err)
	}
	progress(`{"success":true,"finished":true,"threadId":"ID","messages":{"Indexing kafka":100},"errors":{},"lastOperationPercent":100}`)

	f.get("/rest/gitplugin/1.0/index.json?repoId=2&threadId="+asked.ThreadID).gijRefusal(http.StatusNotFound, "does not have repository 2")

	f.do(http.MethodPost, "/rest/gitplugin/1.0/index.json", "").json(&asked)
	progress(`{"success":true,"finished":false,"threadId":"ID","messages":{"Indexing broken":0,"Indexing kafka":100,"Indexing tools":0,"Indexing tools (3)":0},` +
		`"errors":{},"lastOperationPercent":25}`)
	for _, id := range []storage.RepositoryID{fork, twin, broken} {
		look := storage.Look{At: now.Add(time.Second)}
		if id == broken {
			look.Class, look.Text = storage.ClassAuth, "renew the token"
		}
		if err := f.store.RecordLook(t.Context(), id, look); err != nil {
			t.Fatal(err)
		}
	}
	progress(`{"success":true,"finished":true,"threadId":"ID","messages":{"Indexing broken":100,"Indexing kafka":100,"Indexing tools":100,"Indexing tools (3)":100},` +
		`"errors":{"broken":"renew the token"},"lastOperationPercent":100}`)
	slices.Sort(f.indexer.asked)
	if want := []string{"reindex 1 full=false", "reindex 1 full=false", "reindex 2 full=false", "reindex 3 full=false", "reindex 4 full=false"}; !slices.Equal(f.indexer.asked, want) {
		t.Errorf("asked %q, want %q", f.indexer.asked, want)
	}
	if have := string(f.get("/rest/gitplugin/1.0/index.json?repoId=4").body); !strings.Contains(have, `"finished":true`) || strings.Contains(have, "kafka") {
		t.Error(have)
	}
	f.indexer.err = errors.New("stopped")
	f.post("/rest/gitplugin/2.0/reindex", `{"repoId":1}`).gijRefusal(http.StatusInternalServerError, "log")
}

func TestOnlyTheLastGIJThreadsAreRemembered(t *testing.T) {
	var threads gijThreads
	first := threads.begin(now, nil)
	var last gijThread
	for range maxGIJThreads {
		last = threads.begin(now, nil)
	}
	_, hasFirst := threads.find(first.id)
	_, hasLast := threads.find(last.id)
	if hasFirst || !hasLast || len(threads.last) != maxGIJThreads {
		t.Errorf("first %t, last %t, %d in all", hasFirst, hasLast, len(threads.last))
	}
}
