package bitbucket

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const web = "https://bitbucket.example.com"

// listed are the repositories of the recordings. The last is in a person's own project.
func listed() []host.Repository {
	r := func(id, name, clone, page string, isArchived bool) host.Repository {
		return host.Repository{
			ID: id, Name: name, Archived: isArchived, WebURL: web + page + "/browse",
			CloneHTTP: web + "/scm/" + clone + ".git", CloneSSH: "ssh://git@bitbucket.example.com:7999/" + clone + ".git",
		}
	}
	return []host.Repository{
		r("1001", "PAY/billing-api", "pay/billing-api", "/projects/PAY/repos/billing-api", false),
		r("1002", "PAY/legacy-web", "pay/legacy-web", "/projects/PAY/repos/legacy-web", true),
		r("1003", "~robin.doe/dotfiles", "~robin.doe/dotfiles", "/users/robin.doe/repos/dotfiles", false),
	}
}

// pullRequests are those of the recordings, the last changed first.
func pullRequests() []host.PullRequest {
	opened, merged := time.UnixMilli(1795340000000).UTC(), time.UnixMilli(1795341000000).UTC()
	p := func(number int64, title string, state host.PullRequestState, updated time.Time) host.PullRequest {
		return host.PullRequest{
			ID: fmt.Sprint(number), Number: number, Title: title, Description: "Exports invoices. See ACME-42.",
			Source: "feature/ACME-42-invoice-export", Target: "main", State: state, Author: "Robin Doe",
			Created: opened, Updated: updated, WebURL: fmt.Sprintf("%s/projects/PAY/repos/billing-api/pull-requests/%d", web, number),
		}
	}
	return []host.PullRequest{
		p(4, "ACME-41 Round totals", host.PullRequestMerged, merged), p(5, "ACME-42 Add invoice export", host.PullRequestOpen, opened),
	}
}

// billing is the repository of the recorded webhooks.
func billing() []host.Subject { return []host.Subject{{ID: "1001", Name: "PAY/billing-api"}} }

func push(refs ...string) host.Event {
	return host.Event{Kind: host.EventPush, Subjects: billing(), Refs: refs}
}

func changed(number int64) host.Event {
	return host.Event{Kind: host.EventPullRequest, Subjects: billing(), Number: number}
}

func contract() hosttest.Case {
	all, pulls := listed(), pullRequests()
	return hosttest.Case{
		Dir:    "testdata/bitbucket-data-center",
		More:   []string{"testdata/refusal"},
		New:    New,
		Ignore: []string{"limit", "archived", "withAttributes", "withProperties"},
		First:  map[string]string{"start": "0"},
		Listed: all, EmptyList: `{"size":0,"limit":25,"isLastPage":true,"values":[],"start":0}`,
		Filter: "{values: values[?!archived && project.type == 'NORMAL']}", Filtered: []string{"PAY/billing-api"},
		Throttled:  []string{"error-429"},
		HookHeader: "X-Hub-Signature",
		IsSigned:   true,
		Events: map[string]host.Event{
			"webhook-refs-changed":                push("refs/heads/main"),
			"webhook-refs-changed-old":            push("refs/heads/main"),
			"webhook-refs-changed-branch-deleted": push("refs/heads/feature/ACME-42-invoice-export"),
			"webhook-refs-changed-two-refs":       push("refs/heads/main", "refs/tags/release-1"),
			"webhook-pr-opened":                   changed(1001),
			"webhook-pr-modified":                 changed(1001),
			"webhook-pr-merged":                   changed(1001),
			"webhook-pr-declined":                 changed(2),
			"webhook-pr-from-ref-updated":         changed(1001),
			"webhook-repo-modified":               {Kind: host.EventRenamed, Subjects: billing()},
			"webhook-diagnostics-ping":            {Kind: host.EventPing},
		},
		Repository:   all[0],
		PullRequests: pulls,
		NewBranch:    host.NewBranch{Base: "main", Name: "feature/ACME-42-invoice-export"},
		Branch: host.Branch{
			Name: "feature/ACME-42-invoice-export", OID: "927fe883b109a738a00d73176430c20da2ea10ef",
			WebURL: web + "/projects/PAY/repos/billing-api/browse?at=refs%2Fheads%2Ffeature%2FACME-42-invoice-export",
		},
		BranchRefusal: hosttest.Refusal{Exchange: "error-400-branch-exists", Said: "already exists in repository 'billing-api'"},
		NewPullRequest: host.NewPullRequest{
			Title: "ACME-42 Add invoice export", Description: "Exports invoices. See ACME-42.",
			Source: "feature/ACME-42-invoice-export", Target: "main",
		},
		PullRequest: pulls[1],
		PullRefusal: hosttest.Refusal{
			Exchange: "error-409-pull-exists", Said: "Only one pull request may be open for a given source and target branch",
		},
	}
}

func TestBitbucketKeepsTheContractWithAToken(t *testing.T) { hosttest.Run(t, contract()) }

func TestBitbucketKeepsTheContractWithAPassword(t *testing.T) {
	c := contract()
	c.Config = func(c *host.Config, _ *hosttest.Server) { c.Token = nil }
	hosttest.Run(t, c)
}

func TestGitGetsATokenAsBearerAndAPasswordWithItsName(t *testing.T) {
	secret := hosttest.Secret("s")
	for _, c := range []struct {
		config host.Config
		want   host.Credentials
	}{
		{host.Config{Token: secret}, host.Credentials{Bearer: "s"}},
		{host.Config{Token: secret, Username: "bot", Password: secret}, host.Credentials{Bearer: "s"}},
		{host.Config{Username: "bot", Password: secret}, host.Credentials{Username: "bot", Password: "s"}},
	} {
		c.config.URL = web
		h, err := New(c.config)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := h.Credentials(t.Context(), listed()[0]); err != nil || got != c.want {
			t.Errorf("bearer %q, user name %q; %v", got.Bearer, got.Username, err)
		}
	}
}

func TestAnIntegrationWithoutCredentialsOrURLIsRefused(t *testing.T) {
	secret := hosttest.Secret("s")
	for _, c := range []host.Config{
		{URL: web}, {URL: web, Username: "bot"}, {URL: web, Password: secret}, {Token: secret}, {URL: "ssh://bitbucket.example.com", Token: secret},
	} {
		if _, err := New(c); !errors.Is(err, host.ErrConfig) {
			t.Errorf("%q: got %v", c.URL, err)
		}
	}
}

// asking gives a host of a server that answers with a handler.
func asking(t *testing.T, config host.Config, handle http.HandlerFunc) host.Host {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	config.URL, config.Transport = server.URL+config.URL, transport
	h, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAnEmptyTokenIsNotSentAsNobody(t *testing.T) {
	h := asking(t, host.Config{Token: hosttest.Secret("")}, func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") })
	if _, err := h.List(t.Context()); !errors.Is(err, host.ErrAuth) {
		t.Errorf("the list gives %v", err)
	}
	if _, err := h.Credentials(t.Context(), listed()[0]); !errors.Is(err, host.ErrAuth) {
		t.Errorf("the credentials give %v", err)
	}
}

func TestAProjectIsListedWithItsArchivedRepositoriesBelowAPath(t *testing.T) {
	var asked string
	config := host.Config{URL: "/bitbucket/", Token: hosttest.Secret("s"), Organisation: "~robin/x"}
	h := asking(t, config, func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		fmt.Fprint(w, `{"isLastPage": true, "values": []}`)
	})
	if _, err := h.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := "/bitbucket/rest/api/latest/projects/~robin%2Fx/repos?archived=ALL&limit=1000"; asked != want {
		t.Errorf("asked for %s, want %s", asked, want)
	}
}

func TestAPageThatDoesNotSayHowToGoOnFailsTheList(t *testing.T) {
	for _, page := range []string{`{"values": []}`, `{"isLastPage": false, "values": []}`, `{"nextPageStart": null, "values": []}`} {
		h := asking(t, host.Config{Token: hosttest.Secret("s")}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) })
		if document, err := h.List(t.Context()); !errors.Is(err, host.ErrAnswer) || document != nil {
			t.Errorf("%s: got %v, %v", page, document, err)
		}
	}
}

func TestRepositoriesAreTakenAsTheServerOffersThem(t *testing.T) {
	h, err := New(host.Config{URL: web, Token: hosttest.Secret("s")})
	if err != nil {
		t.Fatal(err)
	}
	clone := func(name, href string) map[string]any {
		return map[string]any{"clone": []any{map[string]any{"name": name, "href": href}}}
	}
	shop := func(state string, links map[string]any) map[string]any {
		return map[string]any{"id": 7.0, "slug": "shop", "state": state, "project": map[string]any{"key": "PAY"}, "links": links}
	}
	const ssh = "ssh://git@bitbucket.example.com:7999/pay/shop.git"
	for name, c := range map[string]struct {
		element map[string]any
		want    host.Repository
	}{
		"a user name in the clone URL": {
			shop("AVAILABLE", clone("http", "https://robin@bitbucket.example.com/scm/pay/shop.git")),
			host.Repository{ID: "7", Name: "PAY/shop", CloneHTTP: web + "/scm/pay/shop.git"},
		},
		"http switched off": {shop("AVAILABLE", clone("ssh", ssh)), host.Repository{ID: "7", Name: "PAY/shop", CloneSSH: ssh}},
		"being made":        {shop("INITIALISING", nil), host.Repository{ID: "7", Name: "PAY/shop", Disabled: true}},
		"offline":           {shop("OFFLINE", nil), host.Repository{ID: "7", Name: "PAY/shop", Disabled: true}},
		"a default branch":  {map[string]any{"id": 7.0, "defaultBranch": "refs/heads/release/1"}, host.Repository{ID: "7", DefaultBranch: "release/1"}},
	} {
		got, err := h.Select([]any{c.element})
		if err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestPullRequestsThatChangedBeforeAreLeftOut(t *testing.T) {
	h := asking(t, host.Config{Token: hosttest.Secret("s")}, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"isLastPage": true, "values": [{"id": 3, "state": "DECLINED", "updatedDate": 1795340000000},
			{"id": 2, "state": "OPEN", "updatedDate": 1795340000001}, {"id": 1, "state": "OPEN", "updatedDate": 1795339999999}]}`)
	})
	got, err := h.(host.PullRequests).PullRequests(t.Context(), listed()[0], time.UnixMilli(1795340000000))
	if err != nil || len(got) != 2 || got[0].Number != 2 || got[1].State != host.PullRequestDeclined {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAPingNeedsNoSignatureAndDoesNothing(t *testing.T) {
	h, err := New(host.Config{URL: web, Token: hosttest.Secret("s"), HookSecret: hosttest.Secret("secret")})
	if err != nil {
		t.Fatal(err)
	}
	hooks := h.(host.Webhooks)
	d := host.Delivery{
		Header: http.Header{"X-Event-Key": {"diagnostics:ping"}},
		Body:   []byte(`{"eventKey": "repo:refs_changed", "repository": {"id": 1, "slug": "a"}}`),
	}
	if err := hooks.Verify(t.Context(), d); err != nil {
		t.Error(err)
	}
	if e, err := hooks.Event(d); err != nil || e.Kind != host.EventPing || len(e.Subjects) != 0 {
		t.Errorf("got %+v, %v", e, err)
	}
	d.Header.Set("X-Hub-Signature", "sha256="+strings.Repeat("0", 64))
	if err := hooks.Verify(t.Context(), d); !errors.Is(err, host.ErrSignature) {
		t.Errorf("a ping with a wrong signature gives %v", err)
	}
}

func TestEventsWithoutRecordingsAreUnderstood(t *testing.T) {
	h := &Host{config: host.Config{URL: web + "/"}}
	for _, c := range []struct {
		body string
		kind host.EventKind
		id   string
	}{
		{`{"eventKey": "repo:forked", "repository": {"id": 8, "slug": "shop", "project": {"key": "~ROBIN"}, "origin": {"id": 7}}}`, host.EventCreated, "8"},
		{`{"eventKey": "project:modified", "old": {"id": 11, "key": "PAY"}, "new": {"id": 11, "key": "MONEY"}}`, host.EventRenamed, ""},
		{`{"eventKey": "pr:deleted", "pullRequest": {"id": 5, "toRef": {"repository": {"id": 7, "slug": "shop"}}}}`, host.EventPullRequest, "7"},
		{`{"eventKey": "pr:comment:added", "pullRequest": {"id": 5, "toRef": {"repository": {"id": 7, "slug": "shop"}}}}`, host.EventOther, "7"},
		{`{}`, host.EventOther, ""},
	} {
		got, err := h.Event(host.Delivery{Body: []byte(c.body)})
		id := ""
		for _, s := range got.Subjects {
			id = s.ID
		}
		if err != nil || got.Kind != c.kind || id != c.id {
			t.Errorf("%s: got %+v, %v", c.body, got, err)
		}
	}
}

func TestARenamedRepositoryIsKnownByItsURLsBeforeAndAfter(t *testing.T) {
	h := &Host{config: host.Config{URL: web}}
	got, err := h.Event(host.Delivery{Body: []byte(`{"eventKey": "repo:modified",
		"old": {"id": 7, "slug": "shop", "project": {"key": "PAY"}},
		"new": {"id": 7, "slug": "store", "project": {"key": "PAY"},
			"links": {"self": [{"href": "https://bitbucket.example.com/projects/PAY/repos/store/browse"}, null]}}}`)})
	if err != nil || len(got.Subjects) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	want := web + "/scm/pay/store.git " + web + "/projects/PAY/repos/store/browse " + web + "/scm/pay/shop.git"
	if s := got.Subjects[0]; s.Name != "PAY/store" || strings.Join(s.URLs, " ") != want {
		t.Errorf("got %+v", s)
	}
}
