package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
)

// ask reads a JSON answer.
func (d *daemon) ask(method, path, body string, v any) {
	d.t.Helper()
	code, answer := d.request(method, path, body)
	if code != http.StatusOK {
		d.t.Fatalf("%s %s: %d %s", method, path, code, answer)
	}
	if err := json.Unmarshal([]byte(answer), v); err != nil {
		d.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
	}
}

// A client of Git Integration for Jira that has only another host name: it has a push indexed, waits for that, reads the commits with
// their files, and corrects an issue by hand. Then the same is read in the other words.
func TestAClientOfAnotherProductGoesOnWithAnotherHostName(t *testing.T) {
	repository := gittest.Init(t)
	repository.Commit("ABC-1 begin")
	dir := t.TempDir()
	config := write(t, filepath.Join(dir, "keytrail.yaml"), fmt.Sprintf(`
data_dir: %s
context_path: /jira
auth: {tokens: [{name: client, token: {file: %s}}]}
poll: {interval: 1h}
repositories: [{name: ACME/shop, url: %s}]
`, filepath.Join(dir, "data"), write(t, filepath.Join(dir, "token"), "hidden-token-0815\n"), repository.Path))
	d := serve(t, nil, "--config", config)
	d.token = "hidden-token-0815"
	d.eventually("the first commit answers", func() bool { return len(d.commits("ABC-1")) == 1 })
	pushed := repository.Commit("ABC-1, ABC-2 pushed later").String()

	const api = "/jira/rest/gitplugin/"
	var thread struct{ ThreadID string }
	d.ask(http.MethodPost, api+"2.0/reindex", `{"repoId":1,"priority":20}`, &thread)
	d.eventually("the reindex is finished", func() bool {
		var progress struct{ Finished bool }
		d.ask(http.MethodGet, api+"1.0/index.json?threadId="+thread.ThreadID, "", &progress)
		return progress.Finished
	})
	var issue struct {
		Commits []struct {
			CommitID   string
			Branch     string
			Repository struct{ Name string }
			Files      []struct{ Path string }
		}
	}
	d.ask(http.MethodGet, api+"latest/issues/abc-1/commits?showFiles=true", "", &issue)
	if len(issue.Commits) != 2 || issue.Commits[0].CommitID != pushed || issue.Commits[0].Repository.Name != "ACME/shop" ||
		issue.Commits[0].Branch == "" || issue.Commits[0].Files == nil {
		t.Errorf("commits %+v", issue.Commits)
	}
	var feed, more struct {
		Next         string
		Deletions    []struct{ Path string }
		Repositories []struct {
			Commits []struct {
				ID        string
				IssueKeys []string
			}
		}
	}
	d.ask(http.MethodGet, "/api/v1/export/devinfo", "", &feed)
	if len(feed.Repositories) != 1 || len(feed.Repositories[0].Commits) != 2 {
		t.Errorf("from the beginning the feed has %+v", feed)
	}

	var keys struct{ IssueKeys []string }
	d.ask(http.MethodPost, api+"1.0/repository/1/commits/"+pushed+"/issues", `{"changeStrs":["d:ABC-1","d:ABC-2","a:NEW-7"]}`, &keys)
	if fmt.Sprint(keys.IssueKeys) != "[NEW-7]" {
		t.Errorf("keys %v", keys.IssueKeys)
	}
	d.ask(http.MethodGet, "/api/v1/export/devinfo?cursor="+url.QueryEscape(feed.Next), "", &more)
	if len(more.Repositories) != 1 || fmt.Sprint(more.Repositories[0].Commits) != "[{"+pushed+" [NEW-7]}]" {
		t.Errorf("after the correction the feed has %+v", more)
	}
	d.ask(http.MethodPost, api+"1.0/repository/1/commits/"+pushed+"/issues", `{"changeStrs":["d:NEW-7"]}`, &keys)
	d.ask(http.MethodGet, "/api/v1/export/devinfo?wait=10s&cursor="+url.QueryEscape(more.Next), "", &more)
	if len(more.Deletions) != 1 || !strings.HasPrefix(more.Deletions[0].Path, "/rest/devinfo/0.10/repository/1/commit/"+pushed+"?_updateSequenceId=") {
		t.Errorf("after the last key has gone the feed has %+v", more)
	}

	var page struct {
		Size   int
		Values []struct {
			ToCommit   struct{ Message string }
			Repository struct{ Project struct{ Key string } }
		}
	}
	d.ask(http.MethodGet, "/jira/rest/jira/latest/issues/ABC-1/commits?maxChanges=10", "", &page)
	if page.Size != 1 || page.Values[0].Repository.Project.Key != "ACME" || !strings.HasPrefix(page.Values[0].ToCommit.Message, "ABC-1 begin") {
		t.Errorf("page %+v", page)
	}
}
