package gitea

import (
	"errors"
	"io"
	"net/http"
	"strings"
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

// roundTrip answers requests in place of a server.
type roundTrip func(r *http.Request) string

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(f(r))), Request: r}, nil
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
	h, err := New(host.Config{URL: "https://git.example.com/git/", Token: hosttest.Secret("t"), Transport: roundTrip(func(r *http.Request) string {
		asked = append(asked, r.URL.RequestURI())
		return "[]"
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

func TestPullRequestsEndWhereTheyAreOlderThanAsked(t *testing.T) {
	var query string
	h, err := New(host.Config{URL: web, Token: hosttest.Secret("t"), Transport: roundTrip(func(r *http.Request) string {
		query = r.URL.RawQuery
		return `[{"number": 3, "state": "open", "updated_at": "2026-03-01T02:00:00Z", "user": {"login": "robin", "full_name": "Robin Doe"}},
			{"number": 2, "state": "closed", "updated_at": "2026-03-01T00:00:00Z"}, {"number": 1, "state": "open", "updated_at": "2026-02-01T00:00:00Z"}]`
	})})
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.(host.PullRequests).PullRequests(t.Context(), host.Repository{Name: "acme/shop"}, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	if err != nil || len(got) != 2 || got[0].Author != "Robin Doe" || got[1].State != host.PullRequestDeclined {
		t.Errorf("got %+v, %v", got, err)
	}
	if query != "limit=50&sort=recentupdate&state=all" {
		t.Errorf("asked for %s", query)
	}
}

func TestAPullRequestKeepsTheNameOfADeletedBranch(t *testing.T) {
	for b, want := range map[branch]string{
		{Label: "feature/ACME-1", Ref: "feature/ACME-1"}:    "feature/ACME-1",
		{Label: "feature/ACME-1", Ref: "refs/pull/12/head"}: "feature/ACME-1",
		{Ref: "refs/pull/12/head"}:                          "refs/pull/12/head",
	} {
		if got := b.name(); got != want {
			t.Errorf("%+v: got %q, want %q", b, got, want)
		}
	}
}
