package daemon

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"keytrail/daemon/config"
	"keytrail/indexer/host"
	"keytrail/storage"
)

// planOf works out a configuration's text.
func planOf(t *testing.T, text string, transports *transports) plan {
	t.Helper()
	c, err := config.Parse("keytrail.yaml", []byte(text), checks())
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlan(c, transports)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryTypeOfIntegrationHasItsHostOrSaysSo(t *testing.T) {
	const account = "url: https://git.example.com, "
	for kind, keys := range map[string]string{
		config.TypeAzureDevOps:       "organisation: acme, token: {env: T}",
		config.TypeAzureDevOpsServer: account + "token: {env: T}",
		config.TypeBitbucketServer:   account + "token: {env: T}",
		config.TypeCodeCommit:        "region: eu-west-1, username: ID, password: {env: T}",
		config.TypeFolder:            "path: /srv/git, depth: 2",
		config.TypeGerrit:            account + "username: bot, password: {env: T}",
		config.TypeGitea:             account + "token: {env: T}",
		config.TypeGitHub:            "token: {env: T}",
		config.TypeGitHubApp:         "app_id: 12, private_key: {env: T}",
		config.TypeGitLab:            "token: {env: T}",
	} {
		transports := newTransports()
		p := planOf(t, "integrations: [{name: acme, type: "+kind+", "+keys+"}]", transports)
		if len(p.integrations) != 1 || p.integrations[0].host == nil {
			t.Errorf("%s: no host", kind)
		}
		transports.close()
	}
	const both = "integrations: [{name: acme, type: github, token: {env: T}, organisation: acme, api_path: /user/repos}]"
	c, err := config.Parse("keytrail.yaml", []byte(both), checks())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newPlan(c, newTransports()); err == nil || !strings.Contains(err.Error(), `integration "acme": there is an api_path and an organisation`) {
		t.Errorf("what only the host knows to be wrong: %v", err)
	}
}

func TestAReloadLeavesAnIntegrationThatIsConfiguredAsBefore(t *testing.T) {
	const before = "integrations:\n" +
		"  - {name: same, type: github, token: {env: T}, filter: '[?!archived]'}\n" +
		"  - {name: other, type: github, token: {env: T}}\n"
	transports := newTransports()
	defer transports.close()
	former := planOf(t, before, transports)
	for change, kept := range map[string]int{
		before: 2,
		strings.Replace(before, "{env: T}}", "{env: U}}", 1): 1,
		before + "refs: {notes: false}\n":                    0,
		before + "limits: {stall: 5s}\n":                     0,
		before + "proxy: none\n":                             0,
		before + "poll: {interval: 1h}\n":                    2,
	} {
		next := planOf(t, change, transports)
		next.goOnFrom(former)
		n := 0
		for i := range next.integrations {
			if next.integrations[i] == former.integrations[i] {
				n++
			}
		}
		if n != kept {
			t.Errorf("%d integrations go on, want %d, after:\n%s", n, kept, change)
		}
	}
}

func TestARepositoryIsFetchedFromWhereItsIntegrationAllows(t *testing.T) {
	const overHTTP, overSSH = "https://git.example.com/a.git", "ssh://git@git.example.com/a.git"
	transports := newTransports()
	defer transports.close()
	for _, c := range []struct {
		name, keys, http, ssh, want string
	}{
		{"http is taken", "", overHTTP, overSSH, overHTTP},
		{"ssh is taken with a key", ", ssh_key: {env: K}", overHTTP, overSSH, overSSH},
		{"http where there is no ssh", ", ssh_key: {env: K}", overHTTP, "", overHTTP},
		{"ssh where there is no http", "", "", overSSH, overSSH},
		{"the short form of ssh", "", "", "git@git.example.com:a.git", "git@git.example.com:a.git"},
		{"nothing", "", "", "", ""},
		{"no directory of this machine", "", "", "/srv/git/a.git", ""},
		{"no file of this machine", "", "", "file:///srv/git/a.git", ""},
	} {
		p := planOf(t, "integrations: [{name: acme, type: github, token: {env: T}"+c.keys+"}]", transports)
		target, err := p.integrations[0].target(host.Repository{ID: "1", Name: "acme/a", CloneHTTP: c.http, CloneSSH: c.ssh, WebURL: "https://git.example.com/a"})
		if target.Spec.URL != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v; want %q", c.name, target.Spec.URL, err, c.want)
		}
		if want := (storage.RepositorySpec{Integration: "acme", HostID: "1", Name: "acme/a", URL: c.want, WebURL: "https://git.example.com/a"}); err == nil && target.Spec != want {
			t.Errorf("%s: %+v, want %+v", c.name, target.Spec, want)
		}
	}
}

func TestCredentialsOfARepositoryAreAskedOfItsHostEachTime(t *testing.T) {
	transports := newTransports()
	defer transports.close()
	p := planOf(t, "integrations: [{name: acme, type: github, token: {env: ACCOUNT_TOKEN}}]", transports)
	target, err := p.integrations[0].target(host.Repository{ID: "1", Name: "acme/a", CloneHTTP: "https://github.com/acme/a.git"})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"first-token", "rotated-token"} {
		t.Setenv("ACCOUNT_TOKEN", token)
		c, err := target.Remote.Wire.Credentials(t.Context())
		if err != nil || c.Password != token {
			t.Errorf("the credentials are not those of now: %v", err)
		}
	}
}

func TestAFilterThatProbablyMeansSomethingElseIsSaidAtTheStart(t *testing.T) {
	transports := newTransports()
	defer transports.close()
	p := planOf(t, "integrations: [{name: acme, type: github, token: {env: T}, filter: '[?!archived && fork || size]'}]", transports)
	var log bytes.Buffer
	p.integrations[0].warn(zerolog.New(&log))
	if len(p.integrations[0].filter.Warnings()) == 0 || !strings.Contains(log.String(), `"integration":"acme"`) {
		t.Errorf("log: %s", log.String())
	}
}

func TestHeadersOfAnIntegrationGoToTheAPIAndWithEveryFetch(t *testing.T) {
	t.Setenv("TENANT", "acme-7")
	t.Setenv("T", "a-token")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("X-Tenant") != "acme-7" || r.Header.Get("Authorization") != "Bearer a-token" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		io.WriteString(w, "[]")
	}))
	defer server.Close()
	transports := newTransports()
	defer transports.close()
	p := planOf(t, "integrations: [{name: acme, type: gitlab, url: '"+server.URL+"', token: {env: T}, headers: {X-Tenant: {env: TENANT}}}]", transports)
	if _, err := p.integrations[0].host.List(t.Context()); err != nil {
		t.Errorf("the API: %v", err)
	}
	fields, err := p.integrations[0].registered(storage.RepositorySpec{Name: "acme/shop"}).Remote.Wire.Headers(t.Context())
	if err != nil || fields.Get("X-Tenant") != "acme-7" {
		t.Errorf("the fetch: %v, %v", fields, err)
	}
}
