package github

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listed are the repositories of the recordings of GitHub.com, at an origin.
func listed(web, sshHost string) []host.Repository {
	r := func(id, name, branch string, isArchived bool) host.Repository {
		return host.Repository{
			ID: id, Name: name, DefaultBranch: branch, Archived: isArchived,
			CloneHTTP: web + "/" + name + ".git", CloneSSH: "git@" + sshHost + ":" + name + ".git", WebURL: web + "/" + name,
		}
	}
	return []host.Repository{
		r("1001", "acme/billing-api", "main", false), r("1002", "acme/legacy-web", "master", true), r("1003", "acme/infra", "main", false),
	}
}

func pullRequest1347(web string) host.PullRequest {
	at := time.Date(2026, 2, 26, 19, 1, 12, 0, time.UTC)
	return host.PullRequest{
		ID: "1", Number: 1347, Title: "ACME-42 Add invoice export",
		Description: "Please pull these awesome feature/ACME-42-invoice-export in!",
		Source:      "feature/ACME-42-invoice-export", Target: "main", State: host.PullRequestOpen, Author: "acme",
		Created: at, Updated: at, WebURL: web + "/acme/billing-api/pull/1347",
	}
}

// contract is what GitHub.com and the Enterprise Server have in common.
func contract(dir, web, sshHost string) hosttest.Case {
	all := listed(web, sshHost)
	return hosttest.Case{
		Dir:    "testdata/" + dir,
		New:    New,
		Ignore: []string{"per_page", "sort", "direction"},
		First:  map[string]string{"page": "1"},
		Listed: all, EmptyList: "[]",
		Filter: "[?!archived && !starts_with(name, 'infra')]", Filtered: []string{"acme/billing-api"},
		Throttled:    []string{"error-403-primary-rate-limit", "error-429-secondary-rate-limit"},
		HookHeader:   "X-Hub-Signature-256",
		IsSigned:     true,
		Repository:   all[0],
		PullRequests: []host.PullRequest{pullRequest1347(web)},
		NewBranch:    host.NewBranch{Base: "main", Name: "feature/ACME-42-invoice-export"},
		Branch: host.Branch{
			Name: "feature/ACME-42-invoice-export", OID: "927fe883b109a738a00d73176430c20da2ea10ef",
			WebURL: all[0].WebURL + "/tree/feature/ACME-42-invoice-export",
		},
		BranchRefusal: hosttest.Refusal{Exchange: "error-422-branch-exists", Said: "Reference already exists"},
		NewPullRequest: host.NewPullRequest{
			Title: "ACME-42 Add invoice export", Description: "Exports invoices. See ACME-42.",
			Source: "feature/ACME-42-invoice-export", Target: "main",
		},
		PullRequest: pullRequest1347(web),
		PullRefusal: hosttest.Refusal{Exchange: "error-422-pull-exists", Said: "A pull request already exists for acme:feature/ACME-42-invoice-export."},
	}
}

// billing is the repository of most recorded webhooks.
func billing() []host.Subject { return []host.Subject{{ID: "1001", Name: "acme/billing-api"}} }

func push(ref string) host.Event {
	return host.Event{Kind: host.EventPush, Subjects: billing(), Refs: []string{ref}}
}

func changed() host.Event {
	return host.Event{Kind: host.EventPullRequest, Subjects: billing(), Number: 2}
}

func TestGitHubKeepsTheContract(t *testing.T) {
	const web = "https://github.example.com"
	c := contract("github", web, "github.example.com")
	c.CloneOrigin = web
	c.Config = func(c *host.Config, s *hosttest.Server) { c.API = s.URL }
	c.Events = map[string]host.Event{
		"webhook-push":                     push("refs/heads/main"),
		"webhook-push-branch-created":      push("refs/heads/master"),
		"webhook-push-tag-deleted":         push("refs/tags/release-1"),
		"webhook-pull-request-opened":      changed(),
		"webhook-pull-request-synchronize": changed(),
		"webhook-pull-request-merged":      changed(),
		"webhook-repository-created":       {Kind: host.EventCreated, Subjects: billing()},
		"webhook-repository-deleted":       {Kind: host.EventDeleted, Subjects: billing()},
		"webhook-ping":                     {Kind: host.EventPing},
	}
	hosttest.Run(t, c)
}

func TestEnterpriseServerKeepsTheContract(t *testing.T) {
	c := contract("github-enterprise-server", "https://ghes.example.com", "ghes.example.com")
	c.Events = map[string]host.Event{"webhook-push": push("refs/heads/main"), "webhook-pull-request-opened": changed()}
	hosttest.Run(t, c)
}

func TestTheAPIIsFoundByTheURL(t *testing.T) {
	for url, want := range map[string]string{
		"":                              "https://api.github.com",
		"https://github.com":            "https://api.github.com",
		"https://api.github.com":        "https://api.github.com",
		"https://acme.ghe.com/":         "https://api.acme.ghe.com",
		"https://git.example.com":       "https://git.example.com/api/v3",
		"https://git.example.com:8443/": "https://git.example.com:8443/api/v3",
	} {
		if got := apiURL(host.Config{URL: url}); got != want {
			t.Errorf("%q: got %s, want %s", url, got, want)
		}
	}
}

func TestWhatIsListedFollowsTheConfiguration(t *testing.T) {
	for _, c := range []struct {
		config host.Config
		want   string
	}{
		{host.Config{}, "/user/repos?per_page=100"},
		{host.Config{Organisation: "ac/me"}, "/orgs/ac%2Fme/repos?per_page=100"},
		{host.Config{APIPath: "/users/robin/starred?sort=created"}, "/users/robin/starred?per_page=100&sort=created"},
		{host.Config{APIPath: "/api/v3/orgs/acme/repos?per_page=50"}, "/orgs/acme/repos?per_page=50"},
		{host.Config{APIPath: "orgs/acme/repos"}, ""},
		{host.Config{APIPath: "/user/repos", Organisation: "acme"}, ""},
	} {
		got, err := listPath(c.config)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v: got %q, %v; want %q", c.config, got, err, c.want)
		}
	}
}

func TestAMinimalRepositoryGetsTheURLsThatItLacks(t *testing.T) {
	h, err := New(host.Config{Token: hosttest.Secret("t"), URL: "https://github.com"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Select([]any{map[string]any{"id": 7.0, "full_name": "acme/shop"}})
	want := host.Repository{ID: "7", Name: "acme/shop", CloneHTTP: "https://github.com/acme/shop.git", WebURL: "https://github.com/acme/shop"}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestAnIntegrationWithoutATokenIsRefused(t *testing.T) {
	for _, newHost := range []func(host.Config) (host.Host, error){New, NewApp} {
		if _, err := newHost(host.Config{URL: "https://github.com"}); !errors.Is(err, host.ErrConfig) {
			t.Errorf("got %v", err)
		}
	}
}

func TestAnAppThatIsTakenBackIntoAnOrganisationHasNewRepositories(t *testing.T) {
	d := host.Delivery{Header: http.Header{"X-Github-Event": {"installation"}}, Body: []byte(`{"action": "unsuspend"}`)}
	if got, err := (&Host{}).Event(d); err != nil || got.Kind != host.EventCreated {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestPullRequestsAreAskedForInTheOrderOfTheirLastChange(t *testing.T) {
	const want = "/repos/acme/shop/pulls?state=all&sort=updated&direction=desc&per_page=100"
	if got := hosttest.AskedForPullRequests(t, New, ""); got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}
