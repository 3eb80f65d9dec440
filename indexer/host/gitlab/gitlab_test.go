package gitlab

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

// listed are the repositories of the recordings, at a name.
func listed(name string) []host.Repository {
	r := func(id, path string) host.Repository {
		return host.Repository{
			ID: id, Name: path, DefaultBranch: "main", WebURL: "https://" + name + "/" + path,
			CloneHTTP: "https://" + name + "/" + path + ".git", CloneSSH: "git@" + name + ":" + path + ".git",
		}
	}
	all := []host.Repository{r("1001", "acme/payments/billing-api"), r("1002", "acme/web/legacy-web"), r("1003", "robin.doe/empty")}
	all[1].DefaultBranch, all[1].Archived = "master", true
	all[2].DefaultBranch, all[2].Empty = "", true
	return all
}

// mergeRequests are those of the recordings, at a name.
func mergeRequests(name string) []host.PullRequest {
	export := host.PullRequest{
		ID: "1001", Number: 14, Title: "ACME-42 Add invoice export", Description: "Exports invoices. See ACME-42.",
		Source: "feature/ACME-42-invoice-export", Target: "main", State: host.PullRequestOpen, Author: "Robin Doe",
		Created: time.Date(2026, 8, 11, 22, 34, 43, 500e6, time.UTC), Updated: time.Date(2026, 9, 20, 9, 9, 56, 690e6, time.UTC),
		WebURL: "https://" + name + "/acme/payments/billing-api/-/merge_requests/14",
	}
	round := export
	round.ID, round.Number, round.Title, round.Source, round.State = "1002", 13, "ACME-41 Round totals", "ACME-41", host.PullRequestMerged
	round.WebURL = strings.TrimSuffix(export.WebURL, "14") + "13"
	return []host.PullRequest{export, round}
}

// contract is what the recordings of GitLab.com and of an own server have in common.
func contract(dir, name string) hosttest.Case {
	all, requests := listed(name), mergeRequests(name)
	return hosttest.Case{
		Dir:    "testdata/" + dir,
		New:    New,
		Ignore: []string{"per_page", "order_by", "sort"},
		First:  map[string]string{"page": "1"},
		Listed: all, EmptyList: "[]",
		Filter: "[?!empty_repo && !contains(tag_list, 'largemedia')]", Filtered: []string{"acme/payments/billing-api"},
		Throttled:    []string{"error-429"},
		HookHeader:   "X-Gitlab-Token",
		Repository:   all[0],
		PullRequests: requests,
		NewBranch:    host.NewBranch{Base: "main", Name: "feature/ACME-42-invoice-export"},
		Branch: host.Branch{
			Name: "feature/ACME-42-invoice-export", OID: "927fe883b109a738a00d73176430c20da2ea10ef",
			WebURL: all[0].WebURL + "/-/tree/feature/ACME-42-invoice-export",
		},
		BranchRefusal: hosttest.Refusal{Exchange: "error-400-branch-exists", Said: "Branch already exists"},
		NewPullRequest: host.NewPullRequest{
			Title: "ACME-42 Add invoice export", Description: "Exports invoices. See ACME-42.",
			Source: "feature/ACME-42-invoice-export", Target: "main",
		},
		PullRequest: requests[0],
		PullRefusal: hosttest.Refusal{
			Exchange: "error-409-merge-request-exists", Said: "Another open merge request already exists for this source branch: !14",
		},
		Events: map[string]host.Event{
			"webhook-push":                  push("refs/heads/main"),
			"webhook-push-branch-created":   push("refs/heads/feature/ACME-42-invoice-export"),
			"webhook-push-branch-deleted":   push("refs/heads/feature/ACME-42-invoice-export"),
			"webhook-tag-push":              push("refs/tags/v1.0.0"),
			"webhook-merge-request-opened":  changed(),
			"webhook-merge-request-updated": changed(),
			"webhook-merge-request-merged":  changed(),
		},
	}
}

// about is an event of the repository of the recorded webhooks.
func about(kind host.EventKind) host.Event {
	return host.Event{Kind: kind, Subjects: []host.Subject{{ID: "1001", Name: "acme/payments/billing-api"}}}
}

func push(ref string) host.Event {
	e := about(host.EventPush)
	e.Refs = []string{ref}
	return e
}

func changed() host.Event {
	e := about(host.EventPullRequest)
	e.Number = 14
	return e
}

func TestGitLabKeepsTheContract(t *testing.T) {
	c := contract("gitlab", "gitlab.example.com")
	c.Events["webhook-group-project-create"] = about(host.EventCreated)
	hosttest.Run(t, c)
}

// below carries requests for paths below one as if they began at the root, and brings the links back below it.
type below struct {
	t    *testing.T
	path string
	next http.RoundTripper
}

func (b below) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.Path, b.path+"/") {
		b.t.Errorf("%s is not below %s", r.URL, b.path)
	}
	inner := r.Clone(r.Context())
	inner.URL.Path, inner.URL.RawPath = strings.TrimPrefix(r.URL.Path, b.path), strings.TrimPrefix(r.URL.RawPath, b.path)
	response, err := b.next.RoundTrip(inner)
	if err == nil && response.Header.Get("Link") != "" {
		response.Header.Set("Link", strings.ReplaceAll(response.Header.Get("Link"), apiPath, b.path+apiPath))
	}
	return response, err
}

func TestAnOwnServerBelowAPathKeepsTheContract(t *testing.T) {
	c := contract("gitlab-self-managed", "git.example.com")
	c.Config = func(c *host.Config, s *hosttest.Server) {
		c.URL = s.URL + "/gitlab/"
		c.Transport = below{t, "/gitlab", c.Transport}
	}
	for event, kind := range map[string]host.EventKind{
		"create": host.EventCreated, "destroy": host.EventDeleted, "rename": host.EventRenamed,
	} {
		c.Events["webhook-system-project-"+event] = about(kind)
	}
	c.Events["webhook-system-repository-update"] = push("refs/heads/main")
	hosttest.Run(t, c)
}

// roundTrip answers requests in place of a server.
type roundTrip func(r *http.Request) (header http.Header, body string)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	header, body := f(r)
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// over makes a host whose server is a function.
func over(t *testing.T, answer roundTrip) *Host {
	t.Helper()
	h, err := New(host.Config{URL: "https://git.example.com/gitlab/", Token: hosttest.Secret("t"), Transport: answer})
	if err != nil {
		t.Fatal(err)
	}
	return h.(*Host)
}

func TestWhatIsListedFollowsTheConfiguration(t *testing.T) {
	const byID = "order_by=id&"
	for _, c := range []struct{ organisation, apiPath, want string }{
		{"", "", "/projects?membership=true&" + byID + "pagination=keyset&per_page=100&sort=asc"},
		{"acme/payments", "", "/groups/acme%2Fpayments/projects?include_subgroups=true&" + byID + "per_page=100&sort=asc"},
		{"/42/", "", "/groups/42/projects?include_subgroups=true&" + byID + "per_page=100&sort=asc"},
		{"", "/api/v4/projects?starred=true", "/projects?" + byID + "pagination=keyset&per_page=100&sort=asc&starred=true"},
		{"", "/gitlab/api/v4/users/7/projects?sort=desc", "/users/7/projects?" + byID + "per_page=100&sort=desc"},
		{"", "/projects?order_by=name&per_page=20", "/projects?order_by=name&per_page=20"},
		{"", "/projects?page=3", "/projects?page=3&per_page=100"},
		{"", "/groups/acme%2Fweb/projects", "/groups/acme%2Fweb/projects?" + byID + "per_page=100&sort=asc"},
		{"", "projects", ""},
		{"", "/projects?a=%zz", ""},
		{"acme", "/projects", ""},
	} {
		got, err := listPath(host.Config{API: "https://git.example.com/gitlab/api/v4", Organisation: c.organisation, APIPath: c.apiPath})
		if got != c.want || (err != nil) != (c.want == "") || err != nil && !errors.Is(err, host.ErrConfig) {
			t.Errorf("%q, %q: got %q, %v; want %q", c.organisation, c.apiPath, got, err, c.want)
		}
	}
}

func TestWithoutAURLItIsGitLabDotCom(t *testing.T) {
	var asked string
	h, err := New(host.Config{Token: hosttest.Secret("t"), Transport: roundTrip(func(r *http.Request) (http.Header, string) {
		asked = r.URL.Host + r.URL.Path
		return nil, "[]"
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.List(t.Context()); err != nil || asked != "gitlab.com/api/v4/projects" {
		t.Errorf("asked %s: %v", asked, err)
	}
}

func TestAnIntegrationWithoutATokenIsRefused(t *testing.T) {
	if _, err := New(host.Config{URL: "https://gitlab.com"}); !errors.Is(err, host.ErrConfig) {
		t.Errorf("got %v", err)
	}
}

func TestFiltersKnowTheTopicsByTheirOldName(t *testing.T) {
	h := over(t, func(*http.Request) (http.Header, string) {
		return nil, `[{"id": 1, "topics": ["go"]}, {"id": 2, "topics": ["go"], "tag_list": []}, {"id": 3}]`
	})
	document, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tags := func(i int) []any { return document.([]any)[i].(map[string]any)["tag_list"].([]any) }
	if len(tags(0)) != 1 || tags(0)[0] != "go" || len(tags(1)) != 0 {
		t.Errorf("got %v", document)
	}
	if _, is := document.([]any)[2].(map[string]any)["tag_list"]; is {
		t.Error("a repository without topics has a tag_list")
	}
}

func TestARepositoryThatIsSwitchedOffIsDisabled(t *testing.T) {
	got, err := (&Host{}).Select([]any{map[string]any{"id": 1.0, "path_with_namespace": "a/b", "repository_access_level": "disabled"}})
	if err != nil || !got[0].Disabled {
		t.Errorf("got %+v, %v", got, err)
	}
}
