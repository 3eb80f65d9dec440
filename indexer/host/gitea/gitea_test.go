package gitea

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

const web = "https://gitea.example.com"

// listed are the repositories of the recordings.
func listed() []host.Repository {
	r := func(id, name string) host.Repository {
		return host.Repository{
			ID: id, Name: "acme/" + name, DefaultBranch: "main", WebURL: web + "/acme/" + name,
			CloneHTTP: web + "/acme/" + name + ".git", CloneSSH: "git@gitea.example.com:acme/" + name + ".git",
		}
	}
	all := []host.Repository{r("1001", "billing-api"), r("1002", "legacy-web"), r("1003", "mirror")}
	all[1].DefaultBranch, all[1].Archived = "master", true
	all[2].Empty = true
	return all
}

// pullRequests are those of the recordings.
func pullRequests() []host.PullRequest {
	at := time.Date(2026, 4, 9, 16, 31, 6, 0, time.UTC)
	export := host.PullRequest{
		ID: "2005", Number: 5, Title: "ACME-42 Add invoice export", Description: "Exports invoices. See ACME-42.",
		Source: "feature/ACME-42-invoice-export", Target: "main", State: host.PullRequestOpen, Author: "example2",
		Created: at, Updated: at, WebURL: web + "/acme/billing-api/pulls/5",
	}
	round := export
	round.ID, round.Number, round.Title, round.Source, round.State = "2004", 4, "ACME-41 Round totals", "ACME-41", host.PullRequestMerged
	round.WebURL = web + "/acme/billing-api/pulls/4"
	return []host.PullRequest{export, round}
}

// contract is what the recordings say.
func contract() hosttest.Case {
	return hosttest.Case{
		Dir:    "testdata/gitea",
		New:    New,
		Ignore: []string{"limit", "sort"},
		First:  map[string]string{"page": "1"},
		Listed: listed(), EmptyList: "[]",
		Filter: "[?!archived && !mirror]", Filtered: []string{"acme/billing-api"},
		Throttled:    []string{"error-429"},
		HookHeader:   "X-Gitea-Signature",
		IsSigned:     true,
		Repository:   listed()[0],
		PullRequests: pullRequests(),
		NewBranch:    host.NewBranch{Base: "main", Name: "feature/ACME-42-invoice-export"},
		Branch: host.Branch{
			Name: "feature/ACME-42-invoice-export", OID: "927fe883b109a738a00d73176430c20da2ea10ef",
			WebURL: web + "/acme/billing-api/src/branch/feature/ACME-42-invoice-export",
		},
		BranchRefusal: hosttest.Refusal{Exchange: "error-409-branch-exists", Said: "The branch already exists."},
		NewPullRequest: host.NewPullRequest{
			Title: "ACME-42 Add invoice export", Description: "Exports invoices. See ACME-42.",
			Source: "feature/ACME-42-invoice-export", Target: "main",
		},
		PullRequest: pullRequests()[0],
		PullRefusal: hosttest.Refusal{Exchange: "error-409-pull-exists", Said: "pull request already exists for these targets"},
		Events:      recordedEvents(),
	}
}

func TestGiteaKeepsTheContract(t *testing.T) { hosttest.Run(t, contract()) }

func TestASearchKeepsTheContractInItsEnvelope(t *testing.T) {
	c := contract()
	c.Config = func(c *host.Config, _ *hosttest.Server) { c.APIPath = "/api/v1/repos/search" }
	c.EmptyList = `{"ok": true, "data": []}`
	c.Filter = "data[?!archived && !mirror]"
	hosttest.Run(t, c)
}

func TestWhatIsListedFollowsTheConfiguration(t *testing.T) {
	for _, c := range []struct{ organisation, apiPath, want string }{
		{"", "", "/user/repos?limit=50"},
		{"ac/me", "", "/orgs/ac%2Fme/repos?limit=50"},
		{"", "/repos/search?q=shop&topic=true", "/repos/search?limit=50&q=shop&topic=true"},
		{"", "/api/v1/users/robin/repos?limit=10", "/users/robin/repos?limit=10"},
		{"", "/git/api/v1/users/robin/starred", "/users/robin/starred?limit=50"},
		{"", "user/repos", ""},
		{"", "/user/repos?a=%zz", ""},
		{"acme", "/user/repos", ""},
	} {
		got, err := listPath(host.Config{API: "https://git.example.com/git/api/v1", Organisation: c.organisation, APIPath: c.apiPath})
		if got != c.want || (err != nil) != (c.want == "") || err != nil && !errors.Is(err, host.ErrConfig) {
			t.Errorf("%q, %q: got %q, %v; want %q", c.organisation, c.apiPath, got, err, c.want)
		}
	}
}

func TestAServerBelowAPathIsAskedThere(t *testing.T) {
	var asked []string
	h, err := New(host.Config{URL: "https://git.example.com/git/", Token: hosttest.Secret("t"), Transport: hosttest.RoundTrip(func(r *http.Request) (int, string) {
		asked = append(asked, r.URL.RequestURI())
		return http.StatusOK, "[]"
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.List(t.Context()); err != nil || len(asked) != 1 || asked[0] != "/git/api/v1/user/repos?limit=50" {
		t.Errorf("asked %q: %v", asked, err)
	}
}

func TestAnIntegrationWithoutURLOrTokenIsRefused(t *testing.T) {
	for _, c := range []host.Config{{URL: web}, {Token: hosttest.Secret("t")}} {
		if _, err := New(c); !errors.Is(err, host.ErrConfig) {
			t.Errorf("got %v", err)
		}
	}
}

func TestARepositoryWithoutCodeIsDisabledIfTheServerTells(t *testing.T) {
	got, err := (&Host{}).Select([]any{
		map[string]any{"id": 1.0, "has_code": false}, map[string]any{"id": 2.0, "has_code": true}, map[string]any{"id": 3.0},
	})
	if err != nil || !got[0].Disabled || got[1].Disabled || got[2].Disabled {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestPullRequestsAreAskedForInTheOrderOfTheirLastChange(t *testing.T) {
	const want = "/api/v1/repos/acme/shop/pulls?limit=50&sort=recentupdate&state=all"
	if got := hosttest.AskedForPullRequests(t, New, web); got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}
