package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytrail/daemon/config"
)

var secrets = cmp.AllowUnexported(config.Secret{})

func TestAnEmptyFileGivesTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment\n", "integrations:\nrepositories:\npoll:\n", "---\n"} {
		got, err := config.Parse("k.yaml", []byte(text), config.Checks{})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(config.Default(), got, secrets); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestTheExampleIsReadAsItIsWritten(t *testing.T) {
	got, err := config.Load("../dist/example.yaml", config.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.IssueKeys.Projects = nil
	want.IssueKeys.Aliases = map[string]string{"OLD": "NEW"}
	want.Auth.Tokens = []config.Token{
		{Name: "jira", Token: config.SecretFromFile("/run/secrets/jira"), Access: config.AccessWrite},
		{
			Name: "acme-board", Token: config.SecretFromFile("/run/secrets/acme-board"), Access: config.AccessRead,
			Projects: []string{"ACME"}, Integrations: []string{"acme-azure", config.NamedOneByOne},
		},
	}
	want.Local.Roots = []string{"/srv/git"}
	want.Webhook.Secret = config.SecretFromEnv("REPOSITORIES_HOOK")
	want.Jira = config.Jira{
		URL: "https://jira.example.com", Token: config.SecretFromFile("/run/secrets/jira-api"), Projects: []string{"ACME"}, ProjectKeys: true,
		SmartCommits: config.SmartCommits{Enabled: true, MaxAge: 14 * 24 * time.Hour, Authors: config.AuthorsKnown, Grace: time.Minute},
	}
	acme := want.Reach
	acme.CA = "/etc/keytrail/acme-ca.pem"
	acme.Proxy = config.Proxy{URL: "http://proxy.example.com:3128", Username: "bot", Password: config.SecretFromFile("/run/secrets/proxy")}
	direct := want.Reach
	direct.Proxy.None = true
	full := want.Reach
	full.Objects, full.Fetch.Engine = config.ObjectsFull, config.EngineLibgit2
	want.Integrations = []config.Integration{{
		Name: "acme-azure", Type: "azure-devops", URL: "https://dev.azure.com/acme", Reach: acme,
		Credentials: config.Credentials{Token: config.SecretFromEnv("AZURE_PAT")},
		Filter:      "{value: value[?starts_with(name, 'pay')]}",
		Webhook:     config.Webhook{Username: "azure", Secret: config.SecretFromEnv("AZURE_HOOK")},
		Refs:        config.Refs{Notes: true},
	}, {
		Name: "acme-github", Type: "github-app", Reach: want.Reach, Refs: config.Refs{Notes: true},
		AppID: "4711", InstallationID: 815, PrivateKey: config.SecretFromFile("/run/secrets/github-app.pem"),
	}, {
		Name: "acme-gitlab", Type: "gitlab", URL: "https://git.example.com/gitlab", Reach: want.Reach, Refs: config.Refs{Notes: true},
		Credentials:  config.Credentials{Token: config.SecretFromEnv("GITLAB_TOKEN"), SSHKey: config.SecretFromFile("/etc/keytrail/id_ed25519")},
		Organisation: "acme/backend", Origins: []string{"https://clone.example.com"}, API: "https://git.example.com/gitlab/api/v4",
	}, {
		Name: "acme-gitea", Type: "gitea", URL: "https://gitea.example.com", Reach: want.Reach, Refs: config.Refs{Notes: true},
		Credentials: config.Credentials{Token: config.SecretFromEnv("GITEA_TOKEN")}, APIPath: "/repos/search?topic=true&q=go",
	}, {
		Name: "acme-aws", Type: "codecommit", Region: "eu-central-1", Reach: want.Reach, Refs: config.Refs{Notes: true},
		Credentials: config.Credentials{Username: "EXAMPLEKEYID", Password: config.SecretFromFile("/run/secrets/aws")},
	}, {
		Name: "shelf", Type: "folder", Path: "/srv/git", Depth: 2, Refs: config.Refs{Notes: true}, Reach: want.Reach,
		Links: config.Links{
			Commit: "https://git.example.com/${repository}/commit/?id=${rev}", Branch: "https://git.example.com/${repository}/log/?h=${branch}",
			Tag: "https://git.example.com/${repository}/tag/?h=${tag}", File: "https://git.example.com/${repository}/tree/${path}?id=${rev}",
		},
	}}
	want.Repositories = []config.Repository{{
		Name: "kafka", URL: "https://git.example.com/kafka.git", Refs: config.Refs{Notes: true}, Reach: full,
		Credentials: config.Credentials{Username: "bot", Password: config.SecretFromEnv("GIT_PASSWORD")},
	}, {
		Name: "shop", URL: "https://git.example.com/shop.git", Refs: config.Refs{Notes: true}, Reach: direct,
		Credentials: config.Credentials{
			Token:   config.SecretFromEnv("GIT_TOKEN"),
			Headers: []config.Header{{Name: "X-Tenant", Value: config.SecretFromEnv("GIT_TENANT")}},
		},
	}, {
		Name: "tools", URL: "ssh://git@git.example.com/tools.git", Refs: config.Refs{Notes: true}, Reach: want.Reach,
		Credentials: config.Credentials{
			SSHKey: config.SecretFromFile("/etc/keytrail/id_ed25519"), SSHKeyPassphrase: config.SecretFromFile("/run/secrets/passphrase"),
			KnownHosts: "/etc/keytrail/known_hosts",
		},
	}, {
		Name: "docs", URL: "git@git.example.com:docs.git", Refs: config.Refs{Notes: true}, Reach: want.Reach,
		Links: config.Links{Commit: "https://git.example.com/docs/commit/${rev}", PullRequest: "https://git.example.com/docs/pulls/${mergereqId}"},
	}}
	if diff := cmp.Diff(want, got, secrets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSettingsAreRead(t *testing.T) {
	tests := []struct {
		name, text string
		want       func(*config.Config)
	}{
		{"context path", "context_path: /tools/jira", func(c *config.Config) { c.ContextPath = "/tools/jira" }},
		{"flow style", `{listen: "[::1]:80", log: {level: debug, format: console}}`, func(c *config.Config) {
			c.Listen, c.Log = "[::1]:80", config.Log{Level: "debug", Format: "console"}
		}},
		{"an interval above the default ceiling raises it", "poll: {interval: 48h}", func(c *config.Config) {
			c.Poll = config.Poll{Interval: 48 * time.Hour, MaxInterval: 48 * time.Hour}
		}},
		{"auth: none lets the listener off loopback", "listen: :80\nauth: none", func(c *config.Config) {
			c.Listen, c.Auth.None = ":80", true
		}},
		{"a token lets the listener off loopback", "listen: 0.0.0.0:80\nauth: {tokens: [{name: a, token: {env: A}}]}",
			func(c *config.Config) {
				c.Listen = "0.0.0.0:80"
				c.Auth.Tokens = []config.Token{{Name: "a", Token: config.SecretFromEnv("A"), Access: config.AccessWrite}}
			}},
		{"releases and the feed", "releases: {tags: ['v*'], branches: []}\nfeed: {retention: 2h}\nlimits: {requests_per_token: 1}", func(c *config.Config) {
			c.Releases, c.Feed.Retention, c.Limits.Requests = config.Releases{Tags: []string{"v*"}}, 2*time.Hour, 1
		}},
		{"localhost is loopback", "listen: localhost:0", func(c *config.Config) { c.Listen = "localhost:0" }},
		{"sizes", "limits: {pack: 512MiB, fetches: 1, stall: 1m30s, memory: 1GiB}", func(c *config.Config) {
			c.Limits.Pack, c.Limits.Fetches, c.Limits.Stall, c.Limits.Memory = 512<<20, 1, 90*time.Second, 1<<30
		}},
		{"a project asked for is not denied by default", "issue_keys: {projects: [ISO, A_1]}", func(c *config.Config) {
			c.IssueKeys.Projects = []string{"ISO", "A_1"}
			c.IssueKeys.Deny = []string{"UTF", "SHA", "CVE", "RFC"}
		}},
		{"the name of branches", `branch_name: "${issuetype}/${issuekey}"`, func(c *config.Config) { c.BranchName = "${issuetype}/${issuekey}" }},
		{"actions in the caller's name", "integrations: [{name: a, type: github, token: {env: T}, require_user_token: true}]", func(c *config.Config) {
			c.Integrations = []config.Integration{{Name: "a", Type: "github", RequireUserToken: true, Refs: c.Refs, Reach: c.Reach}}
			c.Integrations[0].Token = config.SecretFromEnv("T")
		}},
		{"discovery", "discovery: {interval: 1h, confirmations: 1}", func(c *config.Config) {
			c.Discovery = config.Discovery{Interval: time.Hour, Confirmations: 1}
		}},
		{"the id of an App as text", `integrations: [{name: a, type: github-app, app_id: "Iv1.abc", private_key: {env: K}}]`, func(c *config.Config) {
			c.Integrations = []config.Integration{{
				Name: "a", Type: "github-app", AppID: "Iv1.abc", PrivateKey: config.SecretFromEnv("K"), Refs: c.Refs, Reach: c.Reach,
			}}
		}},
		{"an empty deny list denies nothing", "issue_keys: {deny: []}", func(c *config.Config) { c.IssueKeys.Deny = nil }},
		{"refs are inherited key by key, wherever they stand",
			"repositories: [{name: a, url: /a.git, refs: {changes: true}}, {name: b, url: /b.git, refs: {other: []}}]\n" +
				"refs: {notes: false, other: ['+refs/x/*:refs/x/*']}",
			func(c *config.Config) {
				c.Refs = config.Refs{Other: []string{"+refs/x/*:refs/x/*"}}
				c.Repositories = []config.Repository{
					{Name: "a", URL: "/a.git", Reach: c.Reach, Refs: config.Refs{Changes: true, Other: []string{"+refs/x/*:refs/x/*"}}},
					{Name: "b", URL: "/b.git", Reach: c.Reach},
				}
			}},
		{"a folder looks one level deep", "integrations: [{name: s, type: folder, path: /srv}]", func(c *config.Config) {
			c.Integrations = []config.Integration{{Name: "s", Type: "folder", Path: "/srv", Depth: 1, Refs: c.Refs, Reach: c.Reach}}
		}},
		{"limits on size and time", "limits: {connect: 5s, total: 1h, advertisement: 1MiB, refs: 7}", func(c *config.Config) {
			c.Limits.Connect, c.Limits.Total, c.Limits.Advertisement, c.Limits.Refs = 5*time.Second, time.Hour, 1<<20, 7
		}},
		{"no limit in all", "limits: {total: 0}", func(c *config.Config) { c.Limits.Total = 0 }},
		{"a block of text", "objects: >-\n  full\n", func(c *config.Config) { c.Objects = config.ObjectsFull }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := config.Parse("k.yaml", []byte(test.text), config.Checks{})
			if err != nil {
				t.Fatal(err)
			}
			want := config.Default()
			test.want(want)
			if diff := cmp.Diff(want, got, secrets); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryTypeOfIntegrationIsKnown(t *testing.T) {
	for _, kind := range config.Types() {
		where := "url: https://git.example.com, token: {env: T}"
		switch kind {
		case config.TypeFolder:
			where = "path: /srv/git"
		case config.TypeGerrit:
			where = "url: https://git.example.com, username: u, password: {env: P}"
		case config.TypeGitHubApp:
			where = "app_id: 12, private_key: {env: K}"
		case config.TypeCodeCommit:
			where = "region: eu-central-1, username: ID, password: {env: P}, token: {env: T}"
		}
		text := "integrations: [{name: a, type: " + kind + ", " + where + "}]"
		if _, err := config.Parse("k.yaml", []byte(text), config.Checks{}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestAllFaultsAreReportedInTheOrderOfTheFile(t *testing.T) {
	text := strings.Join([]string{
		"log: {level: loud}",
		"lissten: x",
		"poll:",
		"  interval: soon",
		"integrations:",
		"  - name: a b",
		"    type: gitea",
		"  - {type: folder, path: srv, token: {env: T}}",
	}, "\n")
	_, err := config.Parse("k.yaml", []byte(text), config.Checks{})
	want := strings.Join([]string{
		`k.yaml:1:14: log.level: "loud": want one of trace, debug, info, warn, error`,
		`k.yaml:2:1: lissten: unknown key, did you mean listen?; known here: listen, data_dir, poll, discovery, refs, objects, fetch, ca, proxy, issue_keys, ` +
			`branch_name, limits, local, auth, releases, feed, integrations, repositories, context_path, webhook, jira, log`,
		`k.yaml:4:13: poll.interval: "soon": want a duration such as 90s, 5m or 24h, at least 1s`,
		`k.yaml:6:5: integrations[0]: url is missing`,
		`k.yaml:6:5: integrations[0]: token is missing: write token: {env: NAME} or {file: PATH}`,
		`k.yaml:6:11: integrations[0].name: "a b": want up to 63 letters, digits, dots, hyphens and underscores, ` +
			`a letter or digit first`,
		`k.yaml:8:5: integrations[1]: name is missing`,
		`k.yaml:8:26: integrations[1].path: "srv": want an absolute path`,
		`k.yaml:8:38: integrations[1].token: is not for an integration of type folder: take it out`,
	}, "\n")
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var first *config.Error
	if !errors.As(err, &first) || first.Line != 1 || first.Key != "log.level" {
		t.Errorf("first fault: %+v", first)
	}
}

func TestChecksOfOtherPackagesAreAsked(t *testing.T) {
	checks := config.Checks{
		Refspec: func(s string) error { return errors.New("refspec refused") },
		Filter:  func(s string) error { return errors.New("filter refused") },
	}
	text := "refs: {other: [a]}\nintegrations: [{name: a, type: github, token: {env: T}, filter: x}]"
	_, err := config.Parse("k.yaml", []byte(text), checks)
	want := "k.yaml:1:16: refs.other[0]: refspec refused\nk.yaml:2:65: integrations[0].filter: filter refused"
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), config.Checks{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, make([]byte, 5<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(big, config.Checks{}); err == nil || err.Error() != big+": is over 4 MiB" {
		t.Errorf("a huge file: %v", err)
	}
}

func TestRestartIsNeededForListenerAndData(t *testing.T) {
	a, b := config.Default(), config.Default()
	b.Poll.Interval = time.Hour
	if got := a.NeedsRestart(b); got != nil {
		t.Errorf("poll: %v", got)
	}
	b.Listen, b.DataDir, b.ContextPath = "127.0.0.1:1", "/x", "/jira"
	if got := a.NeedsRestart(b); !slices.Equal(got, []string{"listen", "data_dir", "context_path"}) {
		t.Errorf("got %v", got)
	}
}

func TestACommandLineListenerIsHeldToAuth(t *testing.T) {
	c := config.Default()
	c.Listen = "0.0.0.0:8790"
	want := `"0.0.0.0:8790" is reachable from other machines and auth is not set: list auth.tokens, or write ` +
		"`auth: none` to let anyone ask, or listen on 127.0.0.1"
	if err := c.CheckListen(); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	c.Auth.None = true
	if err := c.CheckListen(); err != nil {
		t.Error(err)
	}
}
