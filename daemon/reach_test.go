package daemon

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keytrail/daemon/config"
	"keytrail/indexer/mirror/gittest"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// behindTLS serves a repository to those who send a header, and gives its URL and a file with the certificate.
func behindTLS(t *testing.T, repo *gittest.Repo, header, value string) (url, ca string) {
	t.Helper()
	server := gittest.Start(t, filepath.Dir(repo.Path), gittest.Options{TLS: true, Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get(header); got != value {
				http.Error(w, "you sent "+got, http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}})
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return server.URL + "/" + filepath.Base(repo.Path), writeFile(t, string(certificate))
}

// indexed runs index on one place and gives its summary.
func indexed(t *testing.T, code int, args ...string) summary {
	t.Helper()
	out := keytrail(t, code, append([]string{"index", "--json", "--data", t.TempDir()}, args...)...)
	var s summary
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

func TestTheCommandLineNamesAuthorityTokenKeyAndHosts(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	const token = "t0ken-4711"
	url, ca := behindTLS(t, repo, "Authorization", "Bearer "+token)
	good, bad := writeFile(t, token+"\n"), writeFile(t, "wr0ng-4711")
	if s := indexed(t, exitOK, "--ca", ca, "--token-file", good, url); s.Commits != 1 {
		t.Errorf("over https: %+v", s)
	}
	if s := indexed(t, exitFailure, "--ca", ca, "--token-file", bad, url); s.ErrorClass != "auth" || strings.Contains(s.Error, "4711") {
		t.Errorf("with a wrong token: %+v", s)
	}
	if s := indexed(t, exitFailure, "--token-file", good, url); s.ErrorClass != "transient" || !strings.Contains(s.Error, "(ca)") {
		t.Errorf("without its authority: %+v", s)
	}
	server := gittest.ServeSSH(t, gittest.SSHOptions{})
	flags := []string{"--ssh-key", server.Key, "--known-hosts", server.KnownHosts, server.URL(repo)}
	if s := indexed(t, exitOK, flags...); s.Commits != 1 {
		t.Errorf("over ssh: %+v", s)
	}
	flags[3] = writeFile(t, "# nobody\n")
	if s := indexed(t, exitFailure, flags...); s.ErrorClass != "auth" {
		t.Errorf("an unknown host: %+v", s)
	}
}

func TestTheCommandLineNamesThePassphraseOfAKey(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	const passphrase = "open sesame 4711"
	key := gittest.ServeSSH(t, gittest.SSHOptions{}).KeyGen(t, "locked", "ed25519", passphrase)
	server := gittest.ServeSSH(t, gittest.SSHOptions{Keys: []string{key + ".pub"}})
	flags := []string{"--ssh-key", key, "--known-hosts", server.KnownHosts, server.URL(repo)}
	if s := indexed(t, exitFailure, flags...); s.ErrorClass != "auth" || !strings.Contains(s.Error, "--ssh-key-passphrase-file") {
		t.Errorf("without the passphrase: %+v", s)
	}
	flags = append(flags, "--ssh-key-passphrase-file", writeFile(t, passphrase+"\n"))
	if s := indexed(t, exitOK, flags...); s.Commits != 1 {
		t.Errorf("with the passphrase: %+v", s)
	}
	flags[len(flags)-1] = writeFile(t, "wr0ng 4711")
	if s := indexed(t, exitFailure, flags...); !strings.Contains(s.Error, "--ssh-key-passphrase-file") || strings.Contains(s.Error, "4711") {
		t.Errorf("with another passphrase: %+v", s)
	}
}

func TestTheCommandLineChoosesTheEngine(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	libgit2, absent := config.EngineLibgit2, config.Default()
	for _, flags := range []access{{}, {Engine: &libgit2}} {
		settings := config.Default()
		flags.apply(settings)
		if want := flags.Engine != nil; flags.isGiven() != want || (settings.Fetch != absent.Fetch) != want {
			t.Errorf("%+v is given: %v, and fetches by %q", flags, flags.isGiven(), settings.Fetch.Engine)
		}
	}
	server := gittest.Start(t, filepath.Dir(repo.Path), gittest.Options{})
	for _, engine := range []string{"native", "libgit2"} {
		if s := indexed(t, exitOK, "--engine", engine, server.URL+"/"+filepath.Base(repo.Path)); s.Commits != 1 {
			t.Errorf("by %s: %+v", engine, s)
		}
	}
}

func TestAMistypedURLIsRefusedWithoutBeingShown(t *testing.T) {
	for _, place := range []string{
		"https//bot:PW4711@host/a.git", "https;//bot:PW4711@host/a.git", "//bot:PW4711@host/a.git", "https/bot:P@PW4711@host/a.git",
		"https//PW4711@host/a.git", "file://bot:PW4711@host/a.git", "file:///bot:PW4711@host/a.git", "https:/bot:PW4711@host/a.git",
		"https:///bot:PW4711@host/a.git", "https:///bot:PW4711@host/a.git?b", "https:bot:PW4711@host/a.git", "bot:PW4711@host/a.git",
		"bot:PW4711/x@host:a.git", "/no\x00:PW4711@host",
	} {
		if at, err := locate(place); err == nil || strings.Contains(err.Error(), "4711") || strings.Contains(at, "4711") {
			t.Errorf("%q gives %q, %v", place, at, err)
		}
	}
	there := filepath.Join(t.TempDir(), "a:b@c")
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{there, "/not/there", "/not/there@home", "not/there", "git@host:a.git", "ssh://git@host/a.git"} {
		if _, err := locate(place); err != nil {
			t.Errorf("%q: %v", place, err)
		}
	}
}

func TestARepositoryOfAnotherUserWantsToBeTrusted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a repository to another user")
	}
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	if err := os.Chown(repo.Path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	s := indexed(t, exitFailure, repo.Path)
	if s.ErrorClass != "auth" || !strings.Contains(s.Error, "user 12345") || !strings.Contains(s.Error, "--trust") {
		t.Errorf("%+v", s)
	}
	data := t.TempDir()
	keytrail(t, exitOK, "index", "--data", data, "--trust", "/nowhere", "--trust", filepath.Dir(repo.Path), repo.Path)
	keytrail(t, exitOK, "verify", "--deep", "--data", data, "--trust", repo.Path)
}

func TestRepositoriesReachedAlikeShareATransport(t *testing.T) {
	repo := gittest.Init(t)
	_, ca := behindTLS(t, repo, "", "")
	_, other := behindTLS(t, repo, "", "")
	same, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	password := config.SecretFromEnv("P")
	proxy := config.Proxy{URL: "http://p.example.com:3128", Username: "bot", Password: password}
	ways := newTransports()
	defer ways.close()
	seen := map[http.RoundTripper]string{}
	for name, reach := range map[string][]config.Reach{
		"nothing":     {{}, {Objects: config.ObjectsFull}},
		"authority":   {{CA: ca}, {CA: ca}, {CA: writeFile(t, string(same))}},
		"proxy":       {{Proxy: proxy}, {Proxy: proxy}},
		"other proxy": {{Proxy: config.Proxy{URL: "http://p.example.com:3128"}}},
		"no proxy":    {{Proxy: config.Proxy{None: true}}},
		"both":        {{CA: other, Proxy: proxy}},
	} {
		for _, r := range reach {
			transport, err := ways.to(r)
			if err != nil {
				t.Fatal(err)
			}
			if before, ok := seen[transport]; ok && before != name {
				t.Errorf("%s and %s share a transport", name, before)
			}
			seen[transport] = name
		}
	}
	if len(ways.way) != 6 {
		t.Errorf("%d transports for 6 ways", len(ways.way))
	}
	for _, r := range []config.Reach{{CA: "/nowhere/ca.pem"}, {CA: writeFile(t, "junk")}, {CA: writeFile(t, "")}} {
		if _, err := ways.to(r); err == nil || !strings.Contains(err.Error(), "ca: ") || !strings.Contains(err.Error(), r.CA) {
			t.Errorf("%v", err)
		}
	}
}

func TestAReloadLeavesARepositoryAloneWhoseSettingsStay(t *testing.T) {
	parse := func(text string) *config.Config {
		t.Helper()
		c, err := config.Parse("k.yaml", []byte(text), checks())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	base := "repositories: [{name: a, url: 'https://git.example.com/a'}]\n"
	ways := newTransports()
	plans := map[string]plan{}
	for _, more := range []string{
		"", "poll: {interval: 1m}", "limits: {connect: 5s}", "limits: {total: 1h}", "limits: {refs: 5}", "limits: {advertisement: 1MiB}",
		"fetch: {engine: libgit2}", "objects: full", "proxy: none", "local: {roots: [/srv]}",
	} {
		p, err := newPlan(parse(base+more), ways)
		if err != nil {
			t.Fatal(err)
		}
		plans[more] = p
	}
	for more, p := range plans {
		same := more == "" || strings.HasPrefix(more, "poll")
		if got := plans[""].targets[0].Remote.Same(p.targets[0].Remote); got != same {
			t.Errorf("with %q the settings are the same: %v, want %v", more, got, same)
		}
	}
}

func TestPlacesAreNamedAsGitCloneNamesThem(t *testing.T) {
	for place, want := range map[string]string{
		"/srv/git/shop.git": "shop", "/srv/git/shop/.git": "shop", "https://git.example.com/acme/shop.git/": "shop",
		"git@git.example.com:shop.git": "shop", "git.example.com:acme/shop": "shop", "ssh://git.example.com:22/shop": "shop",
		"/srv/a:b/shop": "shop", "/srv/a:b": "a:b",
	} {
		if got := nameOf(place); got != want {
			t.Errorf("%s is named %q, want %q", place, got, want)
		}
	}
}

func TestKeyRulesOfAConfigurationApplyToADataDirectory(t *testing.T) {
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1 and XYZ-2")
	data := t.TempDir()
	keytrail(t, exitOK, "index", "--data", data, repo.Path)
	file := writeFile(t, "issue_keys: {deny: [XYZ]}")
	explained := func(args ...string) string {
		return string(keytrail(t, exitOK, append([]string{"explain", "--data", data, "--commit", fmt.Sprint(oid)}, args...)...))
	}
	if out := explained(); !strings.Contains(out, `"XYZ-2" is the key`) {
		t.Errorf("by the defaults: %s", out)
	}
	if out := explained("--config", file); !strings.Contains(out, `"XYZ-2" is not a key`) {
		t.Errorf("by the configuration: %s", out)
	}
	keytrail(t, exitOK, "query", "--data", data, "--config", file, "ABC-1")
	keytrail(t, exitUsage, "export", "--data", data, "--config", file+"-not")
	keytrail(t, exitUsage, "export", "--url", "http://127.0.0.1:1", "--config", file)
}
