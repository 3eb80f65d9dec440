package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"keytrail/indexer/jira/jiratest"
	"keytrail/indexer/mirror/gittest"
)

// jiraCanary is the token of the Jira of these tests.
const jiraCanary = "canary-token-of-jira-4711"

// jiraDaemon is a daemon with one repository and a Jira.
type jiraDaemon struct {
	*daemon
	t    *testing.T
	repo *gittest.Repo
	jira *jiratest.Server
	dir  string
}

// newJiraDaemon configures a daemon; it runs when begin is called. Commits of gittest are some years old.
func newJiraDaemon(t *testing.T, more string, o jiratest.Options) *jiraDaemon {
	t.Helper()
	o.Token = jiraCanary
	o.Users = []jiratest.User{{Name: "ada", Mail: "ada@example.com"}}
	d := &jiraDaemon{t: t, repo: gittest.Init(t), jira: jiratest.New(t, o), dir: t.TempDir()}
	write(t, filepath.Join(d.dir, "token"), jiraCanary+"\n")
	write(t, filepath.Join(d.dir, "keytrail.yaml"), fmt.Sprintf(`
data_dir: %[1]s/data
log: {level: info}
repositories: [{name: core, url: %[2]s}]
jira:
  url: %[3]s
  token: {file: %[1]s/token}
  projects: [ACME]
  smart_commits: {max_age: 99999h, grace: 0}
%[4]s`, d.dir, d.repo.Path, d.jira.URL, more))
	return d
}

// begin starts the daemon, or starts it again.
func (d *jiraDaemon) begin() {
	d.t.Helper()
	d.daemon = serve(d.t, nil, "--config", filepath.Join(d.dir, "keytrail.yaml"))
}

// look has the daemon look at the repository and waits until an issue has so many commits.
func (d *jiraDaemon) look(key string, commits int) {
	d.t.Helper()
	if code, answer := d.request(http.MethodPost, "/api/v1/repositories/1/reindex", `{}`); code != http.StatusAccepted {
		d.t.Fatalf("reindex: %d %s", code, answer)
	}
	d.eventually("the push is indexed", func() bool { return len(d.commits(key)) == commits })
}

// told gives the commands of the daemon's API: key, name, state, attempts.
func (d *jiraDaemon) told() (told []string, all string) {
	d.t.Helper()
	_, all = d.get("/api/v1/commands?limit=1000")
	var page struct {
		Commands []struct {
			Key, Name, State string
			Attempts         int
		}
	}
	if err := json.Unmarshal([]byte(all), &page); err != nil {
		d.t.Fatalf("%v in %s", err, all)
	}
	for _, c := range page.Commands {
		told = append(told, fmt.Sprint(c.Key, " ", c.Name, " ", c.State, " ", c.Attempts))
	}
	return told, all
}

// until waits until the API tells of these commands.
func (d *jiraDaemon) until(want ...string) {
	d.t.Helper()
	d.eventually(strings.Join(want, ", "), func() bool { told, _ := d.told(); return slices.Equal(told, want) })
}

func TestSmartCommitsAreDoneOnceWhereverTheDaemonIsKilled(t *testing.T) {
	d := newJiraDaemon(t, "", jiratest.Options{})
	d.jira.AddIssues("ACME-1")
	d.repo.Commit("ACME-1 #comment Of the first index")
	d.begin()
	d.eventually("the first index", func() bool { return len(d.commits("ACME-1")) == 1 })

	// Of each change, the first request is lost on its way there, and the second one's answer on its way back.
	var mu sync.Mutex
	sent, hanging := map[string]int{}, make(chan string, 10)
	d.jira.Script(func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
		if r.Method == http.MethodGet {
			serve.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		what := r.URL.Path + " " + string(body)
		mu.Lock()
		sent[what]++
		n := sent[what]
		mu.Unlock()
		if n == 2 {
			serve.ServeHTTP(httptest.NewRecorder(), r)
		}
		hanging <- what
		jiratest.Hang(r)
	})
	d.repo.Commit("ACME-1 #comment Said #time 1h 30m Done #resolve And said")
	d.look("ACME-1", 2)
	const changes = 4 // a comment, a worklog, a transition and its comment
	for range 2 * changes {
		d.eventually("a request hangs", func() bool { return len(hanging) > 0 })
		<-hanging
		d.kill()
		d.begin()
	}
	d.until("ACME-1 comment done 3", "ACME-1 time done 3", "ACME-1 transition done 5")
	i := d.jira.Issue("ACME-1")
	if len(i.Comments) != 2 || len(i.Worklogs) != 1 || i.Moves != 1 || i.Status != "Resolved" {
		t.Errorf("the issue is %+v\n%s", i, d.log)
	}
	_, answer := d.get("/api/v1/issues/ACME-1/commands")
	if !strings.Contains(answer, `moved to \"Resolved\", commented at an attempt before`) || strings.Contains(answer, "first index") {
		t.Errorf("the commands of the issue are %s", answer)
	}
	d.stop()
}

func TestSmartCommitsOutlastJirasFailuresAndKeepItsSecret(t *testing.T) {
	d := newJiraDaemon(t, "", jiratest.Options{})
	d.jira.AddIssues("ACME-1", "ACME-2", "ACME-3", "ACME-4")
	d.repo.Commit("begin ACME-1")
	d.begin()
	d.eventually("the first index", func() bool { return len(d.commits("ACME-1")) == 1 })
	var mu sync.Mutex
	failed := map[string]bool{}
	d.jira.Script(func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
		_, issue, _ := strings.Cut(r.URL.Path, "/issue/")
		issue, _, _ = strings.Cut(issue, "/")
		said := "not so, " + r.Header.Get("Authorization")
		mu.Lock()
		isFirst := !failed[issue]
		if r.Method != http.MethodGet {
			failed[issue] = true
		}
		mu.Unlock()
		switch {
		case r.Method == http.MethodGet || !isFirst:
			serve.ServeHTTP(w, r)
		case issue == "ACME-1":
			jiratest.Refuse(w, http.StatusBadRequest, said)
		case issue == "ACME-2":
			jiratest.Refuse(w, http.StatusBadGateway, said)
		case issue == "ACME-3":
			w.Header().Set("Retry-After", "1")
			jiratest.Refuse(w, http.StatusTooManyRequests, said)
		default:
			jiratest.Refuse(w, http.StatusUnauthorized, said)
		}
	})
	d.repo.Feed("commit refs/heads/old\ncommitter Ada <ada@example.com> 100 +0000\ndata 20\nACME-4 #comment Old\n\n\n", "fast-import", "--quiet")
	d.repo.Commit("ACME-1 ACME-2 ACME-3 #comment A word")
	d.repo.Commit("ACME-4 #label a b")
	d.repo.Commit("OTHER-1 #comment Elsewhere")
	d.look("ACME-4", 2)
	d.until("ACME-4 comment skipped 0", "ACME-1 comment failed 1", "ACME-2 comment done 2", "ACME-3 comment done 2", "ACME-4 label done 2",
		"OTHER-1 comment skipped 0")
	if a, b := d.jira.Issue("ACME-2").Comments, d.jira.Issue("ACME-4"); len(a) != 1 || len(b.Labels) != 2 || len(b.Comments) > 0 {
		t.Errorf("the issues have %q and %+v", a, b)
	}
	_, told := d.told()
	_, metrics := d.get("/metrics")
	checkCommandMetrics(t, metrics)
	d.stop()
	if !strings.Contains(told, "not so, ") || !strings.Contains(d.log.String(), "smart commit failed") {
		t.Errorf("Jira's words are not told: %s\n%s", told, d.log)
	}
	for where, text := range map[string]string{"API": told, "metrics": metrics, "log": d.log.String(), "files": everyFile(t, filepath.Join(d.dir, "data"))} {
		if strings.Contains(text, jiraCanary) {
			t.Errorf("the %s hold the token", where)
		}
	}
}

// checkCommandMetrics holds the counts of the test above.
func checkCommandMetrics(t *testing.T, metrics string) {
	t.Helper()
	for _, line := range []string{
		`keytrail_smart_commands_total{outcome="done"} 3`, `keytrail_smart_commands_total{outcome="failed"} 1`,
		`keytrail_smart_commands_total{outcome="retried"} 3`, `keytrail_smart_commands_total{outcome="skipped"} 2`, "keytrail_smart_commands_waiting 0",
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

func TestWithoutAJiraSmartCommitsAreShown(t *testing.T) {
	repo := gittest.Init(t)
	sha := repo.Commit("ACME-1 ACME-2 #resolve Done")
	d := serve(t, nil, "--data", t.TempDir(), repo.Path)
	d.eventually("the first index", func() bool { return len(d.commits("ACME-2")) == 1 })
	_, got := d.get("/api/v1/issues/ACME-2/commands")
	want := fmt.Sprintf(`{"key":"ACME-2","commands":[{"sha":"%s","repository":{"id":1,"name":"repo"},"index":1,"key":"ACME-2","name":"transition",`+
		`"text":"resolve Done","state":"shown","attempts":0,"outcome":"","at":"2020-09-13T12:26:41Z"}]}`+"\n", sha)
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	d.stop()
}

func TestOnlyKeysOfProjectsInJiraAreKeysAndRenamedOnesAreFollowed(t *testing.T) {
	d := newJiraDaemon(t, "  project_keys: true\nissue_keys: {deny: []}\n", jiratest.Options{
		Projects: []jiratest.Project{{Key: "ACME", Former: []string{"OLD"}}, {Key: "CORE"}},
	})
	d.repo.Commit("ACME-1, OLD-2, CORE-3: read UTF-8 by RFC-3629")
	d.begin()
	d.eventually("the first index", func() bool { return len(d.commits("ACME-1")) == 1 })
	for key, want := range map[string]int{"ACME-2": 1, "OLD-2": 1, "CORE-3": 1, "UTF-8": 0, "RFC-3629": 0} {
		if got := len(d.commits(key)); got != want {
			t.Errorf("%s has %d commits, want %d", key, got, want)
		}
	}
	d.stop()
	d.jira.Script(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		jiratest.Refuse(w, http.StatusBadRequest, "not now")
	})
	d.begin()
	d.look("UTF-8", 0)
	if got := d.commits("OLD-2"); len(got) != 1 {
		t.Errorf("after a start without Jira OLD-2 has %q", got)
	}
	d.stop()
	d.jira.Script(nil)
	d.jira.SetProjects(jiratest.Project{Key: "ACME", Former: []string{"OLD"}}, jiratest.Project{Key: "UTF"})
	d.begin()
	d.look("UTF-8", 1)
	if got := d.commits("CORE-3"); len(got) > 0 {
		t.Errorf("CORE-3 still has %q", got)
	}
	if changes := d.jira.Changes(); len(changes) > 0 {
		t.Errorf("Jira was asked to %q", changes)
	}
	d.stop()
}
