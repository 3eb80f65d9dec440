package config_test

import (
	"slices"
	"strings"
	"testing"

	"keytrail/daemon/config"
)

func TestAFaultSaysWhereWhatAndWhatIsRight(t *testing.T) {
	const absolute = "want an absolute path"
	tests := []struct{ name, text, want string }{
		{"not YAML", "a: [", "1:4: is not YAML: sequence end token ']' not found"},
		{"a key twice", "listen: a\nlisten: b", `2:1: is not YAML: mapping key "listen" already defined at [1:1]`},
		{"two documents", "---\nlog: {}\n---\nlog: {}", "4:1: a second document: write one"},
		{"text alone", "hello", "1:1: want a mapping of keys to values, have a string"},
		{"a list alone", "- a", "1:1: want a mapping of keys to values, have a sequence"},
		{"mapping for text", "listen: {a: b}", "1:9: listen: want text (quote it where YAML reads something else), have a mapping"},
		{"number for text", "repositories: [{name: 12, url: /a}]",
			"1:23: repositories[0].name: want text (quote it where YAML reads something else), have a int"},
		{"text for a list", "refs: {other: a}", "1:15: refs.other: want a list, have a string"},
		{"nothing", "listen:", "1:9: listen: is empty: want text (quote it where YAML reads something else), or leave the key out"},
		{"empty text", `listen: ""`, "1:9: listen: want text that is not empty, have a string"},
		{"tag", "data_dir: !!str /a", "1:11: data_dir: want text (quote it where YAML reads something else): YAML anchors, aliases " +
			"and tags are not supported, write the value out"},
		{"anchor", "log: &a {}", "1:6: log: want a mapping of keys to values: YAML anchors, aliases and tags are not supported, " +
			"write the value out"},
		{"merge key", "log: {<<: {}}", "1:7: log: YAML merge keys are not supported: write the values out"},
		{"unknown key in a section", "log: {lvel: info}", "1:7: log.lvel: unknown key, did you mean level?; known here: level, format"},
		{"yes for true", "refs: {notes: yes}", `1:15: refs.notes: "yes": want true or false`},
		{"no for objects", "objects: blobs", `1:10: objects: "blobs": want one of commits, full`},
		{"no port", "listen: localhost", `1:9: listen: "localhost": want host:port, as 127.0.0.1:8790`},
		{"context path with an end", "context_path: /jira/", `1:15: context_path: "/jira/": want a path that begins with a slash and ends without one, as /jira`},
		{"context path that goes up", "context_path: /a/..", `1:15: context_path: "/a/..": want a path that begins with a slash and ends without one, as /jira`},
		{"port too high", "listen: localhost:65536", `1:9: listen: "localhost:65536": want host:port, as 127.0.0.1:8790`},
		{"off loopback", "listen: example.com:80", `1:9: listen: "example.com:80" is reachable from other machines and auth is not ` +
			"set: list auth.tokens, or write `auth: none` to let anyone ask, or listen on 127.0.0.1"},
		{"auth of another word", "auth: off", "1:7: auth: want none, or a mapping with tokens"},
		{"auth without tokens", "auth: {tokens: []}", "1:16: auth.tokens: no token: write one, or `auth: none` to let anyone ask"},
		{"token without name", "auth: {tokens: [{token: {env: A}}]}", "1:17: auth.tokens[0]: name is missing"},
		{"token of nothing", "auth: {tokens: [{name: a, token: {env: A}, projects: []}]}",
			"1:54: auth.tokens[0].projects: names nothing: name at least one, or leave the key out for all"},
		{"token of no access", "auth: {tokens: [{name: a, token: {env: A}, access: all}]}", `1:52: auth.tokens[0].access: "all": want one of read, write`},
		{"token of an unknown integration", "auth: {tokens: [{name: a, token: {env: A}, integrations: [b]}]}",
			`1:7: auth: token "a": integrations: there is no integration "b": name one, or write repositories for the repositories named one by one`},
		{"token of an integration called repositories",
			"{auth: {tokens: [{name: a, token: {env: A}, integrations: [repositories]}]}, integrations: [{name: repositories, type: folder, path: /a}]}",
			`1:8: auth: token "a": integrations: repositories stands for the repositories named one by one, and is an integration too: rename that`},
		{"token of a former project", "{auth: {tokens: [{name: a, token: {env: A}, projects: [OLD]}]}, issue_keys: {aliases: {OLD: NEW}}}",
			`1:8: auth: token "a": projects: OLD is called NEW now: write that`},
		{"pattern that is none", "releases: {tags: ['[']}", `1:19: releases.tags[0]: "[": want a pattern of names up to 255 bytes, as release/* or v[0-9]*`},
		{"relative data", "data_dir: data", `1:11: data_dir: "data": ` + absolute},
		{"bare number of seconds", "poll: {interval: 300}",
			`1:18: poll.interval: "300": want a duration such as 90s, 5m or 24h, at least 1s`},
		{"ceiling below", "poll: {interval: 2m, max_interval: 1m}",
			"1:36: poll.max_interval: 1m0s is less than interval, 2m0s: raise it"},
		{"decimal unit", "limits: {pack: 20GB}", `1:16: limits.pack: "20GB": want a size such as 512MiB or 20GiB, at least 1MiB`},
		{"overflow", "limits: {pack: 9223372036854775807TiB}",
			`1:16: limits.pack: "9223372036854775807TiB": want a size such as 512MiB or 20GiB, at least 1MiB`},
		{"no fetches", "limits: {fetches: 0}", `1:19: limits.fetches: "0": want a number from 1 to 1024`},
		{"half a fetch", "limits: {fetches: 0.5}", `1:19: limits.fetches: "0.5": want a number from 1 to 1024`},
		{"lower-case project", "issue_keys: {projects: [abc]}",
			`1:25: issue_keys.projects[0]: "abc": want a project key: two or more of A to Z, 0 to 9 and _, a letter first`},
		{"denied and wanted", "issue_keys: {projects: [AB], deny: [AB]}", "1:36: issue_keys.deny: AB is among projects too: take it out of one"},
		{"alias of an alias", "issue_keys: {aliases: {AA: BB, BB: CC}}", "1:28: issue_keys.aliases.AA: BB is an alias itself: name the present project"},
		{"alias of nothing", "issue_keys: {aliases: {a: BB}}",
			`1:24: issue_keys.aliases.a: "a": want a project key: two or more of A to Z, 0 to 9 and _, a letter first`},
		{"type", "integrations: [{name: a, type: svn}]", `1:32: integrations[0].type: "svn": want one of azure-devops, ` +
			"azure-devops-server, github, github-app, gitlab, bitbucket-server, gerrit, codecommit, gitea, folder"},
		{"host over ssh", "integrations: [{type: gerrit, url: 'ssh://h.example.com', name: a, username: u, password: {env: P}}]",
			`1:36: integrations[0].url: "ssh://h.example.com": want an http:// or https:// URL`},
		{"same name", "integrations: [{name: a, type: folder, path: /a}, {name: a, type: folder, path: /b}]",
			`1:58: integrations[1].name: "a" stands twice: make it differ or take one out`},
		{"long filter", "integrations: [{name: a, type: folder, path: /a, filter: " + strings.Repeat("x", 2001) + "}]",
			"1:58: integrations[0].filter: has 2001 characters: want at most 2000"},
		{"folder too deep", "integrations: [{name: a, type: folder, path: /a, depth: 99}]",
			`1:57: integrations[0].depth: "99": want a number from 1 to 5`},
		{"path of a host", "integrations: [{name: a, type: gitea, url: 'https://h.example.com', path: /a, token: {env: T}}]",
			"1:75: integrations[0].path: is not for an integration of type gitea: take it out"},
		{"key of another host", "integrations: [{name: a, type: gitea, url: 'https://h.example.com', app_id: 12, token: {env: T}}]",
			"1:77: integrations[0].app_id: is not for an integration of type gitea: take it out"},
		{"App without key", "integrations: [{name: a, type: github-app, app_id: 12}]", "1:16: integrations[0]: private_key is missing: write private_key: {env: NAME} or {file: PATH}"},
		{"headers of a folder", "integrations: [{name: a, type: folder, path: /a, headers: {X-Tenant: {env: T}}}]",
			"1:59: integrations[0].headers: is not for an integration of type folder: take it out"},
		{"credentials in a header of a host", "integrations: [{name: a, type: github, headers: {authorization: {env: T}}, token: {env: T}}]",
			"1:49: integrations[0].headers: has Authorization, which the credentials of the integration set: take it out"},
		{"password and token", "integrations: [{name: a, type: bitbucket-server, url: 'https://h.example.com', username: u, password: {env: P}, token: {env: T}}]",
			"1:16: integrations[0]: has a password and a token: write one of them"},
		{"passphrase without key", "integrations: [{name: a, type: github, ssh_key_passphrase: {env: P}, token: {env: T}}]",
			"1:16: integrations[0]: has an ssh_key_passphrase and no ssh_key: write the key that it opens"},
		{"origin with a path", "integrations: [{name: a, type: github, origins: ['https://h.example.com/a'], token: {env: T}}]",
			`1:50: integrations[0].origins[0]: "https://h.example.com/a" has a path: want a scheme, a host and a port alone, as https://git.example.com`},
		{"path of an API elsewhere", "integrations: [{name: a, type: github, api_path: '//h.example.com/a', token: {env: T}}]",
			"1:50: integrations[0].api_path: want a path of the host's API with a slash before it, as /orgs/acme/repos"},
		{"a caller of a folder", "integrations: [{name: a, type: folder, path: /a, require_user_token: true}]",
			"1:70: integrations[0].require_user_token: is not for an integration of type folder: take it out"},
		{"no confirmations", "discovery: {confirmations: 0}", `1:28: discovery.confirmations: "0": want a number from 1 to 1000`},
		{"webhook without secret", "integrations: [{name: a, type: gitea, url: 'https://h.example.com', webhook: {}, token: {env: T}}]",
			"1:78: integrations[0].webhook: secret is missing: write secret: {env: NAME} or {file: PATH}"},
		{"title", "repositories: [{name: ' a', url: /a}]",
			`1:23: repositories[0].name: " a": want up to 255 bytes on one line, without spaces around`},
		{"same repository", "repositories: [{name: a, url: /a}, {name: b, url: /a}]",
			`1:51: repositories[1].url: "/a" stands twice: make it differ or take one out`},
		{"relative path", "repositories: [{name: a, url: a.git}]",
			"1:31: repositories[0].url: want a URL, as https://git.example.com/a.git, or user@host:path, or an absolute path"},
		{"scheme", "repositories: [{name: a, url: 'ftp://h.example.com/a'}]",
			`1:31: repositories[0].url: the scheme is not supported: "ftp://h.example.com/a": want the scheme https, http, ssh, git or file`},
		{"file with host", "repositories: [{name: a, url: 'file://srv/a'}]",
			`1:31: repositories[0].url: "file://srv/a": want three slashes, as file:///srv/git/a.git`},
		{"no host", "repositories: [{name: a, url: 'https:///a'}]",
			`1:31: repositories[0].url: names no host: want a URL as https://git.example.com/a`},
		{"key for http", "repositories: [{name: a, url: 'http://h.example.com/a', ssh_key: {env: K}}]",
			"1:66: repositories[0].ssh_key: is not for http://h.example.com/a: take it out"},
		{"password for a path", "repositories: [{name: a, url: /a, password: {env: K}}]",
			"1:45: repositories[0].password: is not for /a: take it out"},
		{"password alone", "repositories: [{name: a, url: 'http://h.example.com/a', password: {env: K}}]",
			"1:31: repositories[0].url: has a password and no username: write the username that goes with it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantFault(t, test.text, test.want) })
	}
}

func TestAnUnknownKeyIsHeldToTheKeysOfItsType(t *testing.T) {
	const known = "; known to the type folder: name, type, path, depth, filter, refs, links"
	for key, want := range map[string]string{
		"dept": ", did you mean depth?" + known, "detph": ", did you mean depth?" + known, "paths": ", did you mean path?" + known,
		"rfs": ", did you mean refs?" + known, "tokn": known, "d": known, "": known, strings.Repeat("depth", 1000): known,
	} {
		shown := key[:min(len(key), 60)]
		wantFault(t, "integrations: [{name: a, type: folder, path: /a, '"+key+"': 1}]", "1:50: integrations[0]."+shown+": unknown key"+want)
	}
	_, err := config.Parse("k.yaml", []byte("integrations: [{name: a, type: foldr, dept: 1}]"), config.Checks{})
	if err == nil || !strings.Contains(err.Error(), "did you mean depth?; known here: name, type, url, filter, ") {
		t.Errorf("a key of no known type: %v", err)
	}
}

func TestWhatIsMissingIsNamedBesideOtherFaults(t *testing.T) {
	const secret = "{env: NAME} or {file: PATH}"
	for text, missing := range map[string][]string{
		"type: gerrit":                {"url is missing", "username is missing", "password is missing: write password: " + secret},
		"type: gitea":                 {"url is missing", "token is missing: write token: " + secret},
		"type: github":                {"token is missing: write token: " + secret},
		"type: codecommit, region: x": {"username is missing", "password is missing: write password: " + secret},
		"type: bitbucket-server, username: u": {
			"url is missing", "credentials are missing: write token, or username and password; a secret is written " + secret,
		},
		"type: azure-devops-server":                   {"url is missing", "credentials are missing: write token, or username and password; a secret is written " + secret},
		"type: azure-devops-server, token: {env: T}":  {"url is missing"},
		"type: bitbucket-server, token: {file: bare}": {"url is missing"},
	} {
		_, err := config.Parse("k.yaml", []byte("integrations: [{name: a b, "+text+", xyzzy: 1}]"), config.Checks{})
		if err == nil || !strings.Contains(err.Error(), "[0].name: ") || !strings.Contains(err.Error(), "[0].xyzzy: unknown key") {
			t.Errorf("%s: the other faults are lost: %v", text, err)
			continue
		}
		var got []string
		for line := range strings.Lines(err.Error()) {
			if problem, ok := strings.CutPrefix(line, "k.yaml:1:16: integrations[0]: "); ok {
				got = append(got, strings.TrimSpace(problem))
			}
		}
		if !slices.Equal(got, missing) {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

// wantFault demands one fault of a file: line, column, key and what is right there.
func wantFault(t *testing.T, text, want string) {
	t.Helper()
	_, err := config.Parse("k.yaml", []byte(text), config.Checks{})
	if err == nil {
		t.Fatal("no error")
	}
	if got := err.Error(); got != "k.yaml:"+want {
		t.Errorf("got:\n%s\nwant:\nk.yaml:%s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "listen: :80\nauth: none", "a: [", "{a: {b}}", "? k\n: v", "log: &a {x: *a}", "1: 2", "a: |\n b\n", "- !!str x",
		"issue_keys: {aliases: {AB: CD}}", "repositories: [{name: a, url: 'ssh://git@h.example.com/a', ssh_key: {env: K}}]",
		"integrations:\n  - {name: a, type: folder, path: /a, depth: 2}\n", "limits: {pack: 1GiB, fetches: 3}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("k.yaml", data, config.Checks{})
		if (c == nil) == (err == nil) {
			t.Fatalf("config %v and error %v", c, err)
		}
		if c != nil {
			if err := c.CheckListen(); err != nil {
				t.Fatalf("accepted a listener that is refused: %v", err)
			}
		}
	})
}
