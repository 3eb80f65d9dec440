package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keytrail/indexer/host/gitea/giteatest"
)

const giteaHookSecret = "canary-hook-secret-of-gitea"

// giteaUnderTest is a keytrail that follows an organisation of a real Gitea.
type giteaUnderTest struct {
	*daemon
	server *giteatest.Server
	data   string
}

// serveGitea starts a Gitea with sixty repositories, of which three are not empty and one of these is archived, a keytrail, and
// the webhook between them.
func serveGitea(t *testing.T) *giteaUnderTest {
	t.Helper()
	server := giteatest.Start(t)
	server.Ask("POST", "/orgs", map[string]any{"username": "acme"})
	for i := range 60 {
		server.Ask("POST", "/orgs/acme/repos", map[string]any{"name": fmt.Sprintf("shop-%02d", i), "default_branch": "main", "auto_init": i < 3})
	}
	server.Ask("PATCH", "/repos/acme/shop-02", map[string]any{"archived": true})
	dir := t.TempDir()
	g := &giteaUnderTest{server: server, data: filepath.Join(dir, "data")}
	config := write(t, filepath.Join(dir, "keytrail.yaml"), fmt.Sprintf(`
data_dir: %s
log: {level: debug}
discovery: {interval: 1h}
poll: {interval: 1h}
integrations:
  - name: acme
    type: gitea
    url: %s
    token: {env: GITEA_TOKEN}
    organisation: acme
    filter: "[?!archived && !empty]"
    webhook: {secret: {env: GITEA_HOOK}}
`, g.data, server.URL))
	g.daemon = serve(t, []string{"GITEA_TOKEN=" + server.Token, "GITEA_HOOK=" + giteaHookSecret}, "--config", config)
	server.Ask("POST", "/orgs/acme/hooks", map[string]any{
		"type": "gitea", "active": true, "events": []string{"push", "create", "delete", "repository", "pull_request", "pull_request_sync"},
		"config": map[string]string{"url": g.url + "/webhooks/acme", "content_type": "json", "secret": giteaHookSecret},
	})
	return g
}

func TestARealGiteaIsFollowedFromDiscoveryToPullRequest(t *testing.T) {
	t.Parallel()
	g := serveGitea(t)
	g.eventually("the filter selects two repositories of 60", func() bool {
		in := g.integration()
		return in.State == "ok" && in.Listed == 60 && in.Selected == 2 && len(g.repositories("?state=indexed")) == 2
	})
	g.followsAPush()
	g.makesABranchAndAPullRequest()
	g.server.Ask("DELETE", "/repos/acme/shop-01", nil)
	g.eventually("a deleted repository is retired by its webhook", func() bool {
		return slices.Equal(g.repositories("?state=retired"), []string{"acme/shop-01"})
	})
	_, metrics := g.get("/metrics")
	g.stop()
	for where, text := range map[string]string{"log": g.log.String(), "metrics": metrics, "files": everyFile(t, g.data)} {
		if strings.Contains(text, g.server.Token) || strings.Contains(text, giteaHookSecret) {
			t.Errorf("a secret is in the %s", where)
		}
	}
}

// followsAPush pushes, and waits until the webhook has made it known.
func (g *giteaUnderTest) followsAPush() {
	g.t.Helper()
	pushed := pushToGitea(g.server, "main", "ACME-1 pushed")
	began := time.Now()
	g.eventually("what was pushed answers", func() bool { return len(g.commits("ACME-1")) == 1 })
	took := time.Since(began).Round(time.Millisecond)
	_, metrics := g.get("/metrics")
	_, visible, _ := strings.Cut(metrics, "keytrail_push_visible_seconds_sum ")
	visible, _, _ = strings.Cut(visible, "\n")
	g.t.Logf("answered %v after the push, of which keytrail took %s s from the delivery", took, visible)
	page := g.server.URL + "/acme/shop-00/commit/" + pushed
	if _, answer := g.get("/api/v1/issues/ACME-1/commits"); !strings.Contains(answer, `"url":"`+page+`"`) {
		g.t.Errorf("the commit is not at %s: %s", page, answer)
	}
	if code := statusOf(g.t, page, g.server.Token); code != http.StatusOK {
		g.t.Errorf("Gitea answers %d at the page of the commit", code)
	}
}

// makesABranchAndAPullRequest makes both through keytrail, and closes the pull request at the host.
func (g *giteaUnderTest) makesABranchAndAPullRequest() {
	g.t.Helper()
	at := fmt.Sprintf("/api/v1/repositories/%d/", g.repositoryNamed("acme/shop-00"))
	const branch = "ACME-2-round-totals"
	if made := g.make(at+"branches", `{"key": "ACME-2", "summary": "Round totals"}`); made["name"] != branch {
		g.t.Fatalf("the branch that was made: %v", made)
	}
	g.eventually("the branch answers by its name", func() bool {
		_, answer := g.get("/api/v1/issues/ACME-2/branches")
		return strings.Contains(answer, branch)
	})
	pushToGitea(g.server, branch, "ACME-2 rounded")
	pull := g.make(at+"pull-requests", `{"source": "`+branch+`", "target": "main", "title": "ACME-2 Round totals", "description": "See ACME-3."}`)
	isIn := func(state string) func() bool {
		return func() bool {
			_, answer := g.get("/api/v1/issues/ACME-3/pull-requests")
			return strings.Contains(answer, fmt.Sprintf(`"url":"%v"`, pull["url"])) && strings.Contains(answer, `"state":"`+state+`"`)
		}
	}
	g.eventually("the pull request answers", isIn("open"))
	g.server.Ask("PATCH", fmt.Sprintf("/repos/acme/shop-00/pulls/%v", pull["number"]), map[string]any{"state": "closed"})
	g.eventually("the webhook tells that it was closed", isIn("declined"))
}

// pushToGitea commits to a branch of acme/shop-00 as the administrator.
func pushToGitea(server *giteatest.Server, branch, message string) string {
	return server.Push(server.URL+"/acme/shop-00.git", branch, "keeper", server.Admin, message)
}

// statusOf asks for a page as its host's own users do.
func statusOf(t *testing.T, page, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("keeper", token)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	return w.StatusCode
}

// repositoryNamed gives the number of a repository.
func (d *daemon) repositoryNamed(name string) int {
	d.t.Helper()
	_, answer := d.get("/api/v1/repositories?limit=100")
	var page struct {
		Repositories []struct {
			ID   int    `json:"id"`
			Name string `json:"name"`
		} `json:"repositories"`
	}
	if err := json.Unmarshal([]byte(answer), &page); err != nil {
		d.t.Fatal(err)
	}
	for _, r := range page.Repositories {
		if r.Name == name {
			return r.ID
		}
	}
	d.t.Fatalf("%s is not in %s", name, answer)
	return 0
}

// make posts to a route that makes something at the host, and gives what was made.
func (d *daemon) make(path, body string) (made map[string]any) {
	d.t.Helper()
	code, answer := d.request(http.MethodPost, path, body)
	if err := json.Unmarshal([]byte(answer), &made); err != nil || code != http.StatusCreated {
		d.t.Fatalf("%s: %d %s", path, code, answer)
	}
	return made
}
