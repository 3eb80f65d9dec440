package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/daemon/config"
)

func TestHowAHostIsReachedIsInheritedKeyByKey(t *testing.T) {
	const text = `
repositories:
  - {name: a, url: "https://h.example.com/a", proxy: environment, fetch: {engine: libgit2}}
  - {name: b, url: "git://h.example.com/b", objects: full}
  - {name: c, url: "[::1]:c.git"}
ca: /ca.pem
proxy: {url: "socks5://p.example.com:1080"}
`
	got, err := config.Parse("k.yaml", []byte(text), config.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.CA, want.Proxy.URL = "/ca.pem", "socks5://p.example.com:1080"
	a, b := want.Reach, want.Reach
	a.Proxy, a.Fetch.Engine = config.Proxy{}, config.EngineLibgit2
	b.Objects = config.ObjectsFull
	want.Repositories = []config.Repository{
		{Name: "a", URL: "https://h.example.com/a", Refs: want.Refs, Reach: a},
		{Name: "b", URL: "git://h.example.com/b", Refs: want.Refs, Reach: b},
		{Name: "c", URL: "[::1]:c.git", Refs: want.Refs, Reach: want.Reach},
	}
	if diff := cmp.Diff(want, got, secrets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFaultInHowAHostIsReachedSaysWhatIsRight(t *testing.T) {
	const absolute = "want an absolute path"
	tests := []struct{ name, text, want string }{
		{"username alone", "repositories: [{name: a, url: 'http://h.example.com/a', username: b}]",
			"1:31: repositories[0].url: has a username and no password: write the password that goes with it"},
		{"password and token", "repositories: [{name: a, url: 'http://h.example.com/a', username: b, password: {env: K}, token: {env: T}}]",
			"1:31: repositories[0].url: has a password and a token: write one of them"},
		{"username and token", "repositories: [{name: a, url: 'http://h.example.com/a', username: b, token: {env: T}}]",
			"1:31: repositories[0].url: has a username and a token: take the username out, or write the token as password"},
		{"token twice", "repositories: [{name: a, url: 'http://h.example.com/a', token: {env: T}, headers: {authorization: {env: T}}}]",
			"1:31: repositories[0].url: has a header Authorization beside a password or token: write one of them"},
		{"header of the protocol", "repositories: [{name: a, url: 'http://h.example.com/a', headers: {host: {env: T}}}]",
			"1:67: repositories[0].headers: host is set by keytrail itself: take it out"},
		{"no header", "repositories: [{name: a, url: 'http://h.example.com/a', headers: {'X Y': {env: T}}}]",
			"1:67: repositories[0].headers: want names of header fields, as X-Api-Key"},
		{"header twice", "repositories: [{name: a, url: 'http://h.example.com/a', headers: {x-y: {env: T}, X-Y: {env: T}}}]",
			`1:82: repositories[0].headers: "X-Y" stands twice: make it differ or take one out`},
		{"passphrase alone", "repositories: [{name: a, url: 'g@h.example.com:a', ssh_key_passphrase: {env: K}}]",
			"1:31: repositories[0].url: has an ssh_key_passphrase and no ssh_key: write the key that it opens"},
		{"proxy for ssh", "repositories: [{name: a, url: 'g@h.example.com:a', proxy: none}]",
			"1:59: repositories[0].proxy: is not for g@h.example.com:a: take it out"},
		{"engine for a path", "repositories: [{name: a, url: /a, fetch: {engine: native}}]", "1:42: repositories[0].fetch: is not for /a: take it out"},
		{"engine", "fetch: {engine: jgit}", `1:17: fetch.engine: "jgit": want one of native, libgit2`},
		{"proxy of another word", "proxy: off", "1:8: proxy: want none, environment, or a mapping with url"},
		{"proxy without URL", "proxy: {}", "1:8: proxy: url is missing"},
		{"proxy with half of its credentials", "proxy: {url: 'http://p.example.com', username: b}",
			"1:8: proxy: has one of username and password: write both, or none"},
		{"proxy's scheme", "proxy: {url: 'ftp://p.example.com'}", `1:14: proxy.url: "ftp://p.example.com": want the scheme http, https or socks5`},
		{"proxy's path", "proxy: {url: 'http://p.example.com/a'}", `1:14: proxy.url: "http://p.example.com" has more than a host and a port: take it out`},
		{"relative authority", "ca: ca.pem", `1:5: ca: "ca.pem": ` + absolute},
		{"proxy of a folder", "integrations: [{name: a, type: folder, path: /a, proxy: none}]",
			"1:57: integrations[0].proxy: is not for an integration of type folder: take it out"},
		{"relative root", "local: {roots: [srv]}", `1:17: local.roots[0]: "srv": ` + absolute},
		{"total in all", "limits: {total: 1ms}", `1:17: limits.total: "1ms": want a duration such as 90s, 5m or 24h, at least 1s`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantFault(t, test.text, test.want) })
	}
}
