package daemon

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"keytrail/indexer/mirror/gittest"
)

// serveGuarded runs a daemon over one repository, with tokens whose secrets are their names, until the test ends.
func serveGuarded(t *testing.T, repo *gittest.Repo) *served {
	t.Helper()
	s := &served{T: t, data: t.TempDir()}
	for _, name := range []string{"ALL", "READER", "ZK"} {
		t.Setenv(name, strings.ToLower(name))
	}
	s.start(writeFile(t, fmt.Sprintf(`
listen: 127.0.0.1:0
data_dir: %s
refs: {other: ["+refs/pull/*:refs/pull/*"]}
auth:
  tokens:
    - {name: all, token: {env: ALL}}
    - {name: reader, token: {env: READER}, access: read, integrations: [repositories]}
    - {name: zk, token: {env: ZK}, projects: [ZK]}
releases: {tags: ["v*"], branches: [main]}
limits: {requests_per_token: 8}
feed: {retention: 1h}
repositories:
  - {name: shop, url: %q}
`, s.data, repo.Path)))
	return s
}

// as asks with a token.
func (s *served) as(token, method, path, body string) (status int, answer string) {
	s.Helper()
	return s.ask(method, path, body, "Authorization", "Bearer "+token)
}

func TestTokensOfAConfigurationOpenWhatItSays(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ACME-42 begin")
	repo.Git("tag", "v1")
	s := serveGuarded(t, repo)
	deadline := time.Now().Add(20 * time.Second)
	for path := "/api/v1/issues/ACME-42/releases"; ; time.Sleep(10 * time.Millisecond) {
		if _, answer := s.as("all", http.MethodGet, path, ""); strings.Contains(answer, `"first_tag":"v1"`) && strings.Contains(answer, `"branches":[{"name":"main"`) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%s answers %s\n%s", path, answer, s.log.String())
		}
	}
	s.want(http.StatusOK, `"commits":1`)(s.as("reader", http.MethodGet, "/api/v1/issues/ACME-42", ""))
	s.want(http.StatusForbidden, "may only read")(s.as("reader", http.MethodPost, "/api/v1/repositories/1/reindex", ""))
	s.want(http.StatusForbidden, "does not open project ACME")(s.as("zk", http.MethodGet, "/api/v1/issues/ACME-42", ""))
	s.want(http.StatusUnauthorized, "")(s.ask(http.MethodGet, "/api/v1/issues/ACME-42", ""))
	head := repo.OID("HEAD").String()
	decide := "/api/v1/repositories/1/commits/" + head + "/issues"
	s.want(http.StatusOK, `"token":"all"`)(s.as("all", http.MethodPost, decide, `{"add":["ACME-43"]}`))
	s.want(http.StatusOK, `"key":"ACME-43"`)(s.as("all", http.MethodGet, "/api/v1/changes", ""))
}

func TestARunningDaemonExplainsACommitByWhatItHasFetched(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ACME-42 begin")
	lost := repo.Commit("ACME-43 lost")
	repo.Git("update-ref", "refs/pull/1/head", "HEAD")
	s := serveGuarded(t, repo)
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(answerOf(s.as("all", http.MethodGet, "/api/v1/repositories", "")), `"state":"indexed"`) && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	t.Setenv("KEYTRAIL_TOKEN", "all")
	explained := func() string {
		return string(keytrail(t, exitOK, "explain", "--url", s.url, "--commit", lost.String()))
	}
	out := explained()
	for _, part := range []string{
		"it is indexed, and linked", "refs/heads/main reaches it, fetched by +refs/heads/*:refs/heads/*",
		"refs/pull/1/head reaches it, fetched by +refs/pull/*:refs/pull/*", `"ACME-43" is the key ACME-43`, "last looked at with success",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is not in\n%s", part, out)
		}
	}
	repo.Git("update-ref", "HEAD", "HEAD~1")
	repo.Git("update-ref", "-d", "refs/pull/1/head")
	s.want(http.StatusAccepted, "")(s.as("all", http.MethodPost, "/api/v1/repositories/1/reindex", ""))
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(out, "it was fetched, but no indexed ref"); out = explained() {
		if time.Now().After(deadline) {
			t.Fatalf("the daemon says\n%s", out)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.Contains(out, "shop: it was fetched, and no indexed ref reaches it; fetched are +refs/heads/*:refs/heads/*") {
		t.Error(out)
	}
}

func answerOf(_ int, answer string) string { return answer }

func TestATokenOfIntegrationsMayNameTheRepositoriesBesideThem(t *testing.T) {
	t.Setenv("BOARD", "secret of the board")
	p := planOf(t, `
auth: {tokens: [{name: board, token: {env: BOARD}, projects: [ACME], integrations: [shelf, repositories], access: read}, {name: all, token: {env: BOARD}}]}
integrations: [{name: shelf, type: folder, path: /srv/git}]
`, newTransports())
	if got := p.tokens[0]; !got.ReadOnly || !reflect.DeepEqual(got.Projects, []string{"ACME"}) || !reflect.DeepEqual(got.Integrations, []string{"shelf", ""}) {
		t.Errorf("%+v", got)
	}
	if got := p.tokens[1]; got.ReadOnly || got.Projects != nil || got.Integrations != nil {
		t.Errorf("a token without bounds: %+v", got)
	}
}
