package azuredevops

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

// answers stands in for a host: it gives status and body by the path and query of a request, and keeps them.
type answers struct {
	give   func(r *http.Request) (status int, body string)
	header http.Header
	asked  []string
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked = append(a.asked, r.URL.RequestURI())
	status, body := a.give(r)
	header := a.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// made gives a host that a stand-in answers.
func made(t *testing.T, newHost func(host.Config) (host.Host, error), url string, a *answers) *Host {
	t.Helper()
	h, err := newHost(host.Config{
		URL: url, Token: hosttest.Secret(hosttest.Token), HookSecret: hosttest.Secret(hosttest.HookSecret), Transport: a,
	})
	if err != nil {
		t.Fatal(err)
	}
	return h.(*Host)
}

func TestAnOldServerIsAskedInTheVersionThatItSpeaks(t *testing.T) {
	a := &answers{give: func(r *http.Request) (int, string) {
		if r.URL.Query().Get("api-version") != "4.1" {
			return 400, `{"message": "The requested REST API version of 5.0 is out of range for this server."}`
		}
		return 200, `{"value": [], "count": 0}`
	}}
	h := made(t, NewServer, "https://tfs.example.com/tfs/Archive", a)
	for range 2 {
		if _, err := h.List(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.asked) != 3 {
		t.Errorf("asked for %v", a.asked)
	}
}

func TestAServerThatSpeaksNoKnownVersionIsRefusedInItsWords(t *testing.T) {
	a := &answers{give: func(r *http.Request) (int, string) {
		return 400, `{"message": "version ` + r.URL.Query().Get("api-version") + ` is out of range"}`
	}}
	_, err := made(t, NewServer, "https://tfs.example.com/tfs/Archive", a).List(t.Context())
	if !errors.Is(err, host.ErrRefused) || !strings.Contains(err.Error(), "version 5.0 is out of range") || len(a.asked) != 3 {
		t.Errorf("got %v after %v", err, a.asked)
	}
}

func TestAListThatIsPartedIsReadToItsEnd(t *testing.T) {
	a := &answers{header: http.Header{"X-Ms-Continuationtoken": {"next"}}}
	a.give = func(r *http.Request) (int, string) {
		if r.URL.Query().Get("continuationToken") == "next" {
			a.header = nil
		}
		return 200, `{"value": [{}], "count": 1}`
	}
	document, err := made(t, New, "https://dev.azure.com/acme", a).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if elements, err := host.Elements(document); err != nil || len(elements) != 2 {
		t.Errorf("got %v, %v", document, err)
	}
}

func TestAListOfOrganisationsThatCannotBeHadIsNoEmptyList(t *testing.T) {
	me, none := `{"id": "1"}`, `{"value": [], "count": 0}`
	for name, c := range map[string]struct {
		profile, accounts string
		status            int
		kind              error
		says              string
	}{
		"a token of one organisation": {"", "", 401, host.ErrAuth, "name the organisation in the url"},
		"no profile":                  {`{}`, none, 200, host.ErrAnswer, "who the account is"},
		"no organisations":            {me, none, 200, host.ErrAuth, "sees no organisation"},
		"no list":                     {me, `{"message": "x"}`, 200, host.ErrAnswer, ""},
		"one without a name":          {me, `{"value": [{"accountId": "2"}]}`, 200, host.ErrAnswer, "without a name"},
	} {
		a := &answers{give: func(r *http.Request) (int, string) {
			if r.URL.Host != "app.vssps.visualstudio.com" {
				t.Errorf("%s: asked for %s", name, r.URL)
			}
			if strings.Contains(r.URL.Path, "/accounts") {
				return c.status, c.accounts
			}
			return c.status, c.profile
		}}
		document, err := made(t, New, "https://dev.azure.com", a).List(t.Context())
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || document != nil {
			t.Errorf("%s: got %v, %v", name, document, err)
		}
	}
}

func TestTheAccountIsProvedAsItsSecretWantsIt(t *testing.T) {
	const jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
	for name, c := range map[string]struct {
		config host.Config
		header string
		git    host.Credentials
	}{
		"a personal access token": {host.Config{Token: hosttest.Secret("pat")}, "Basic OnBhdA==", host.Credentials{Username: "all", Password: "pat"}},
		"a token of Entra":        {host.Config{Token: hosttest.Secret(jwt)}, "Bearer " + jwt, host.Credentials{Bearer: jwt}},
		"a password": {host.Config{Username: "bot", Password: hosttest.Secret("pass")}, "Basic Ym90OnBhc3M=",
			host.Credentials{Username: "bot", Password: "pass"}},
	} {
		c.config.URL = "https://tfs.example.com/tfs/Archive"
		c.config.Transport = &answers{give: func(r *http.Request) (int, string) {
			if got := r.Header.Get("Authorization"); got != c.header {
				t.Errorf("%s: got %s, want %s", name, got, c.header)
			}
			return 200, `{"value": [], "count": 0}`
		}}
		h, err := NewServer(c.config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.List(t.Context()); err != nil {
			t.Error(err)
		}
		if got, err := h.Credentials(t.Context(), host.Repository{}); err != nil || got != c.git {
			t.Errorf("%s: other credentials for git, %v", name, err)
		}
	}
}

func TestASecretThatCannotBeReadIsNoAuthorisation(t *testing.T) {
	h, err := New(host.Config{URL: "https://dev.azure.com/acme", Transport: &answers{}, Token: func(context.Context) (string, error) {
		return "", errors.New("no such file")
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.List(t.Context()); !errors.Is(err, host.ErrAuth) {
		t.Errorf("list: got %v", err)
	}
	if _, err := h.Credentials(t.Context(), host.Repository{}); !errors.Is(err, host.ErrAuth) {
		t.Errorf("credentials: got %v", err)
	}
}

// selected reads one repository of a document.
func selected(t *testing.T, h *Host, element string) (host.Repository, error) {
	t.Helper()
	var document any
	if err := json.Unmarshal([]byte(`{"value": [`+element+`]}`), &document); err != nil {
		t.Fatal(err)
	}
	all, err := h.Select(document)
	if err != nil {
		return host.Repository{}, err
	}
	return all[0], nil
}

func TestARepositoryOfAnOldServerHasItsPageAtItsCloneURL(t *testing.T) {
	h := made(t, NewServer, "https://tfs.example.com/tfs", &answers{})
	got, err := selected(t, h, `{"id": "a", "name": "shop", "defaultBranch": "refs/heads/release/2",
		"remoteUrl": "https://tfs.example.com/tfs/Archive/_git/shop"}`)
	want := host.Repository{
		ID: "a", Name: "Archive/shop/shop", CloneHTTP: "https://tfs.example.com/tfs/Archive/_git/shop",
		WebURL: "https://tfs.example.com/tfs/Archive/_git/shop", DefaultBranch: "release/2",
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestCloneURLsOfTheServicesMayHaveEitherForm(t *testing.T) {
	h := made(t, New, "https://dev.azure.com/acme", &answers{})
	for url, kind := range map[string]error{
		"https://acme@dev.azure.com/acme/Payments/_git/shop":                nil,
		"https://acme.visualstudio.com/DefaultCollection/_git/shop":         nil,
		"http://acme.visualstudio.com/_git/shop":                            host.ErrOrigin,
		"https://dev.azure.com:8443/acme/_git/shop":                         host.ErrOrigin,
		"https://dev.azure.com.foreign.example.net/acme/_git/shop":          host.ErrOrigin,
		"https://a.b.visualstudio.com/_git/shop":                            host.ErrOrigin,
		"https://dev.azure.com@foreign.example.net/acme/Payments/_git/shop": host.ErrOrigin,
	} {
		r, err := selected(t, h, `{"id": "a", "name": "shop", "remoteUrl": "`+url+`"}`)
		if !errors.Is(err, kind) || kind == nil && host.Origin(r.CloneHTTP) != host.Origin(url) {
			t.Errorf("%s: got %+v, %v", url, r, err)
		}
	}
	server := made(t, NewServer, "https://tfs.example.com/tfs", &answers{})
	_, err := selected(t, server, `{"id": "a", "name": "shop", "remoteUrl": "https://acme.visualstudio.com/_git/shop"}`)
	if !errors.Is(err, host.ErrOrigin) {
		t.Errorf("a server's credentials go to the Services: %v", err)
	}
}

func TestPullRequestsSinceAreTheActiveAndTheLatelyClosed(t *testing.T) {
	since := time.Date(2026, 3, 2, 0, 0, 0, 0, time.FixedZone("", 3600))
	a := &answers{give: func(r *http.Request) (int, string) {
		if r.URL.Query().Get("searchCriteria.status") == "active" {
			return 200, `{"value": [{"pullRequestId": 1, "status": "active", "creationDate": "2026-01-01T00:00:00Z"},
				{"pullRequestId": 2, "status": "active", "creationDate": "2026-02-01T00:00:00Z"}]}`
		}
		if got := r.URL.Query().Get("searchCriteria.minTime"); got != "2026-03-01T23:00:00Z" {
			t.Errorf("asked since %s", got)
		}
		return 200, `{"value": [{"pullRequestId": 2, "status": "abandoned", "creationDate": "2026-02-01T00:00:00Z", "closedDate": "2026-03-03T00:00:00Z"},
			{"pullRequestId": 3, "status": "completed", "creationDate": "2026-02-01T00:00:00Z", "closedDate": "2026-02-02T00:00:00Z"}]}`
	}}
	got, err := made(t, New, "https://dev.azure.com/acme", a).PullRequests(t.Context(), host.Repository{ID: "a"}, since)
	if err != nil || len(got) != 2 || got[0].Number != 2 || got[0].State != host.PullRequestDeclined || got[1].Number != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestADescriptionThatAListCutsOffIsReadWhole(t *testing.T) {
	long := strings.Repeat("x", cut)
	a := &answers{give: func(r *http.Request) (int, string) {
		if strings.HasSuffix(r.URL.Path, "/pullrequests/7") {
			return 200, `{"pullRequestId": 7, "description": "` + long + ` ACME-42"}`
		}
		return 200, `{"value": [{"pullRequestId": 7, "description": "` + long + `"}, {"pullRequestId": 6, "description": "short"}]}`
	}}
	got, err := made(t, New, "https://dev.azure.com/acme", a).PullRequests(t.Context(), host.Repository{ID: "a"}, time.Time{})
	if err != nil || len(got) != 2 || !strings.HasSuffix(got[0].Description, " ACME-42") || len(a.asked) != 2 {
		t.Errorf("got %+v, %v after %v", got, err, a.asked)
	}
}

func TestABranchWithANameThatOnlyBeginsAlikeIsNoBase(t *testing.T) {
	a := &answers{give: func(*http.Request) (int, string) {
		return 200, `{"value": [{"name": "refs/heads/maintenance", "objectId": "1"}]}`
	}}
	h := made(t, New, "https://dev.azure.com/acme", a)
	_, err := h.CreateBranch(t.Context(), host.Repository{ID: "a", Name: "acme/shop/shop"}, host.NewBranch{Base: "main", Name: "x"}, host.Caller{})
	if !errors.Is(err, host.ErrGone) || len(a.asked) != 1 {
		t.Errorf("got %v after %v", err, a.asked)
	}
}
