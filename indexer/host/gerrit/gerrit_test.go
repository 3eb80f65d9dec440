package gerrit

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	web       = "https://gerrit.example.com"
	recording = "testdata/gerrit"
)

// listed are the projects of the recordings, as the user bot of a server at 127.0.0.1 has them.
func listed() []host.Repository {
	r := func(name string, isArchived bool) host.Repository {
		return host.Repository{
			ID: name, Name: name, Archived: isArchived, CloneHTTP: web + "/a/" + name, CloneSSH: "ssh://bot@127.0.0.1:29418/" + name,
			WebURL: web + "/plugins/gitiles/" + name,
		}
	}
	return []host.Repository{r("payments/billing-api", false), r("payments/infra", false), r("web/legacy", true)}
}

func changes() []host.PullRequest {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	c := func(number int64, title string, state host.PullRequestState) host.PullRequest {
		return host.PullRequest{
			ID: fmt.Sprint(number), Number: number, Title: title, Source: "ACME-42", Target: "main", State: state, Author: "Robin Doe",
			Created: at, Updated: at, WebURL: fmt.Sprintf("%s/c/payments/billing-api/+/%d", web, number),
		}
	}
	return []host.PullRequest{c(42, "ACME-42 Add invoice export", host.PullRequestOpen), c(41, "ACME-41 Round totals", host.PullRequestMerged)}
}

func contract() hosttest.Case {
	billing := []host.Subject{{ID: "payments/billing-api", Name: "payments/billing-api"}}
	changed := host.Event{Kind: host.EventPullRequest, Subjects: billing, Number: 42}
	return hosttest.Case{
		Dir: recording,
		New: New,
		Config: func(c *host.Config, _ *hosttest.Server) {
			c.Limits.PageSize = 2 // as recorded: a page with fewer is the last
		},
		Ignore: []string{"o", "n"},
		First:  map[string]string{"S": "0"},
		Listed: listed(), EmptyList: ")]}'\n{}",
		Filter: "[?state == 'ACTIVE' && !(contains(name, 'infra'))]", Filtered: []string{"payments/billing-api"},
		NameIsIdentity: true,
		Throttled:      []string{"error-429"},
		Events: map[string]host.Event{
			"webhook-ref-updated":      {Kind: host.EventPush, Subjects: billing, Refs: []string{"refs/heads/main"}},
			"webhook-patchset-created": changed,
			"webhook-change-merged":    changed,
			"webhook-change-abandoned": changed,
			"webhook-project-created": {
				Kind: host.EventCreated, Subjects: []host.Subject{{ID: "payments/new-service", Name: "payments/new-service"}},
			},
		},
		Repository:   listed()[0],
		PullRequests: changes(),
		NewBranch:    host.NewBranch{Base: "main", Name: "feature/ACME-42-invoice-export"},
		Branch: host.Branch{
			Name: "feature/ACME-42-invoice-export", OID: "927fe883b109a738a00d73176430c20da2ea10ef",
			WebURL: web + "/plugins/gitiles/payments/billing-api/+/refs/heads/feature/ACME-42-invoice-export",
		},
		BranchRefusal: hosttest.Refusal{
			Exchange: "error-409-branch-exists", Said: `branch "refs/heads/feature/ACME-42-invoice-export" already exists`,
		},
	}
}

func TestGerritKeepsTheContract(t *testing.T) { hosttest.Run(t, contract()) }

func TestFiltersSeeTheProjectsAsAnArrayWithNames(t *testing.T) {
	s := hosttest.NewServer(t, contract())
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	h, err := New(host.Config{
		URL: s.URL, Username: "bot", Password: hosttest.Secret(hosttest.Token), Transport: transport, Limits: host.Limits{PageSize: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(recording + "/repos-as-list-for-filter.json")
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGerritMakesNoPullRequests(t *testing.T) {
	if _, can := host.Host(&Host{}).(host.PullRequestCreator); can {
		t.Error("it has the power")
	}
}

func TestAnIntegrationWithoutCredentialsOrURLIsRefused(t *testing.T) {
	secret := hosttest.Secret("s")
	for _, c := range []host.Config{
		{URL: web}, {URL: web, Username: "bot"}, {URL: web, Password: secret}, {Username: "bot", Password: secret},
		{URL: "ssh://gerrit.example.com:29418", Username: "bot", Password: secret},
	} {
		if _, err := New(c); !errors.Is(err, host.ErrConfig) {
			t.Errorf("%q: got %v", c.URL, err)
		}
	}
}

// at gives a host with its web pages at a URL, of which nothing is asked.
func at(t *testing.T, url string) *Host {
	t.Helper()
	h, err := New(host.Config{URL: url, Username: "bot", Password: hosttest.Secret("s")})
	if err != nil {
		t.Fatal(err)
	}
	return h.(*Host)
}

func TestURLsOfAProjectFollowTheServersPathAndTheProjectsName(t *testing.T) {
	link := func(name, url string) []any { return []any{map[string]any{"name": name, "url": url}} }
	for _, c := range []struct {
		web                     string
		project                 map[string]any
		clone, ssh, page, state string
	}{
		{
			"https://git.example.com:8443/r/", map[string]any{"name": "tools/a b#c", "web_links": link("gitiles", "plugins/gitiles/tools")},
			"https://git.example.com:8443/r/a/tools/a%20b%23c", "ssh://bot@git.example.com:29418/tools/a%20b%23c",
			"https://git.example.com:8443/r/plugins/gitiles/tools", "",
		},
		{
			web, map[string]any{"name": "x", "state": "HIDDEN", "web_links": link("browse", "https://code.example.com/x")},
			web + "/a/x", "ssh://bot@gerrit.example.com:29418/x", "https://code.example.com/x", "disabled",
		},
		{web, map[string]any{"name": "All-Users"}, web + "/a/All-Users", "ssh://bot@gerrit.example.com:29418/All-Users", "", "disabled"},
		{
			web, map[string]any{"name": "y", "state": "READ_ONLY", "web_links": link("cgit", "/cgit/y")},
			web + "/a/y", "ssh://bot@gerrit.example.com:29418/y", "", "archived",
		},
		{
			web, map[string]any{"name": "z", "web_links": link("browse", "javascript:alert(1)")},
			web + "/a/z", "ssh://bot@gerrit.example.com:29418/z", "", "",
		},
	} {
		got, err := at(t, c.web).Select([]any{c.project})
		name := c.project["name"].(string)
		want := host.Repository{
			ID: name, Name: name, CloneHTTP: c.clone, CloneSSH: c.ssh, WebURL: c.page,
			Archived: c.state == "archived", Disabled: c.state == "disabled",
		}
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

// asking gives a host of a server that answers with a handler.
func asking(t *testing.T, handle http.HandlerFunc) host.Host {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	h, err := New(host.Config{URL: server.URL, Username: "bot", Password: hosttest.Secret("s"), Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAListIsReadOnWhereTheServerGivesSmallerPagesThanAsked(t *testing.T) {
	h := asking(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("S") {
		case "":
			fmt.Fprint(w, `{"a": {}, "b": {"_more_projects": true}}`)
		case "2":
			fmt.Fprint(w, `{"c": {"_more_projects": true}}`)
		default:
			fmt.Fprint(w, `{}`)
		}
	})
	document, err := h.List(t.Context())
	if all, _ := document.([]any); err != nil || len(all) != 3 {
		t.Errorf("got %v, %v", document, err)
	}
}

func TestAMapOfSomethingElseIsNoList(t *testing.T) {
	h := asking(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"message": "gone"}`) })
	if document, err := h.List(t.Context()); !errors.Is(err, host.ErrAnswer) || document != nil {
		t.Errorf("got %v, %v", document, err)
	}
}

func TestChangesHaveTheirCommitMessageAndEndWhereTheyAreOlderThanAsked(t *testing.T) {
	var asked []string
	h := asking(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("q"))
		fmt.Fprint(w, `[
			{"_number": 3, "status": "ABANDONED", "updated": "2026-03-01 00:00:00.000000001", "owner": {"username": "robin"},
			 "current_revision": "b", "revisions": {"a": {"commit": {"message": "old"}}, "b": {"commit": {"message": "Fix\n\nBug: ACME-7"}}}},
			{"_number": 2, "status": "NEW", "updated": "2026-03-01 00:00:00.000000000"},
			{"_number": 1, "status": "NEW", "updated": "2026-02-28 23:59:59.999999999", "_more_changes": true}]`)
	})
	since := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	got, err := h.(host.PullRequests).PullRequests(t.Context(), host.Repository{Name: "tools"}, since)
	if err != nil || len(got) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if c := got[0]; c.Description != "Fix\n\nBug: ACME-7" || c.State != host.PullRequestDeclined || c.Author != "robin" {
		t.Errorf("got %+v", c)
	}
	if len(asked) != 1 || asked[0] != "project:tools" {
		t.Errorf("asked for %q", asked)
	}
}

func TestATimeThatIsNoneFailsTheList(t *testing.T) {
	for _, updated := range []string{`"yesterday"`, `3`} {
		h := asking(t, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `[{"_number": 1, "updated": %s}]`, updated)
		})
		if got, err := h.(host.PullRequests).PullRequests(t.Context(), host.Repository{Name: "tools"}, time.Time{}); !errors.Is(err, host.ErrAnswer) {
			t.Errorf("%s: got %+v, %v", updated, got, err)
		}
	}
}

func TestNamesThatMeanSomethingInASearchAreQuoted(t *testing.T) {
	for name, want := range map[string]string{
		"payments/billing-api_2.x": "payments/billing-api_2.x",
		"-x":                       `"-x"`,
		"a b":                      `"a b"`,
		`a" OR b`:                  `"a\" OR b"`,
		"a(b)":                     `"a(b)"`,
		"größe":                    `"größe"`,
	} {
		if got := operand(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestACallersTokenMayHoldTheirUserName(t *testing.T) {
	for token, want := range map[string]string{"robin:pass:word": "robin pass:word", "password": "bot password"} {
		h := asking(t, func(w http.ResponseWriter, r *http.Request) {
			if username, password, _ := r.BasicAuth(); username+" "+password != want {
				t.Errorf("%s: asked as %s with %s", token, username, password)
			}
			fmt.Fprint(w, `{"revision": "927fe883b109a738a00d73176430c20da2ea10ef"}`)
		})
		repository, branch, caller := host.Repository{Name: "tools"}, host.NewBranch{Base: "main", Name: "x"}, host.Caller{Token: token}
		if _, err := h.(host.BranchCreator).CreateBranch(t.Context(), repository, branch, caller); err != nil {
			t.Error(err)
		}
	}
}

func TestEventsWithoutRecordingsAreUnderstood(t *testing.T) {
	h := at(t, web)
	for _, c := range []struct {
		body, subjects, refs string
		kind                 host.EventKind
		number               int64
	}{
		{`{"type": "ref-updated", "refUpdate": {"project": "a", "refName": "main"}}`, "a", "refs/heads/main", host.EventPush, 0},
		{
			`{"type": "batch-ref-updated", "refUpdates": [{"project": "a", "refName": "refs/tags/v1"}, {"project": "a", "refName": "refs/heads/x"}]}`,
			"a", "refs/tags/v1 refs/heads/x", host.EventPush, 0,
		},
		{`{"type": "topic-changed", "change": {"project": "a", "number": "7"}}`, "a", "", host.EventPullRequest, 7},
		{`{"type": "project-head-updated", "projectName": "a"}`, "a", "", host.EventPush, 0},
		{`{"type": "project-deleted", "projectName": "a"}`, "a", "", host.EventDeleted, 0},
		{`{"type": "comment-added", "change": {"project": "a", "number": 7}}`, "a", "", host.EventOther, 7},
		{`{}`, "", "", host.EventOther, 0},
	} {
		got, err := h.Event(host.Delivery{Body: []byte(c.body)})
		var names []string
		for _, s := range got.Subjects {
			names = append(names, s.ID)
		}
		if err != nil || got.Kind != c.kind || got.Number != c.number || strings.Join(names, " ") != c.subjects || strings.Join(got.Refs, " ") != c.refs {
			t.Errorf("%s: got %+v, %v", c.body, got, err)
		}
	}
}

func TestAProjectIsKnownByItsURLsWithAndWithoutLogin(t *testing.T) {
	got, err := at(t, web+"/r").Event(host.Delivery{Body: []byte(`{"type": "project-created", "projectName": "a/b c"}`)})
	if err != nil || len(got.Subjects) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if urls := strings.Join(got.Subjects[0].URLs, " "); urls != web+"/r/a/a/b%20c "+web+"/r/a/b%20c" {
		t.Errorf("got %s", urls)
	}
}
