package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rs/zerolog"

	"keytrail/daemon/config"
)

const canary = "hunter2-canary"

func TestALiteralSecretIsRefusedAndNotRepeated(t *testing.T) {
	const literal = "a secret must not stand in the file: put it into an environment variable or a file of its own; " +
		"a secret is written {env: NAME} or {file: PATH}"
	const form = "a secret is written {env: NAME} or {file: PATH}"
	const detail = form + "; NAME has letters, digits and underscores, PATH is absolute"
	tests := []struct{ name, text, want string }{
		{"plain", "password: hunter2-canary", "2:15: repositories[0].password: " + literal},
		{"quoted", `password: "hunter2-canary"`, "2:15: repositories[0].password: " + literal},
		{"block", "ssh_key: |\n      hunter2-canary\n      more", "2:14: repositories[0].ssh_key: " + literal},
		{"list", "password: [hunter2-canary]", "2:15: repositories[0].password: " + form},
		{"under a wrong key", "password: {text: hunter2-canary}", "2:15: repositories[0].password: " + detail},
		{"as a key", "password: {hunter2-canary}", "2:15: repositories[0].password: " + detail},
		{"both", "password: {env: A, file: hunter2-canary}", "2:15: repositories[0].password: " + form},
		{"env is a literal", "password: {env: hunter2-canary!}", "2:15: repositories[0].password: " + detail},
		{"relative file", "password: {file: hunter2-canary}", "2:15: repositories[0].password: " + detail},
		{"empty", "password:", "2:14: repositories[0].password: " + form},
		{"tag", "password: !!str hunter2-canary", "2:15: repositories[0].password: " + literal},
		{"in a URL", "url: https://bot:hunter2-canary@h.example.com/a", "2:10: repositories[0].url: " +
			`"https://h.example.com/a" holds credentials: take them out and write username, and password: {env: NAME} or {file: PATH}`},
		{"as a URL's user", "url: https://hunter2-canary@h.example.com/a", "2:10: repositories[0].url: " +
			`"https://h.example.com/a" holds credentials: take them out and write username, and password: {env: NAME} or {file: PATH}`},
		{"in an ssh URL", "url: ssh://git:hunter2-canary@h.example.com/a", "2:10: repositories[0].url: " +
			`"ssh://h.example.com/a" holds a password: take it out and write ssh_key`},
		{"in a git URL", "url: git://hunter2-canary@h.example.com/a", "2:10: repositories[0].url: " +
			`"git://h.example.com/a" holds a user: take it out, nothing there asks for one`},
		{"in a query", "url: https://h.example.com/a?token=hunter2-canary", "2:10: repositories[0].url: " +
			`"https://h.example.com/a" has a query or a fragment: take it out`},
		{"in a bad URL", "url: 'https://bot:hunter2-canary@h.example.com:port/%zz'", "2:10: repositories[0].url: " +
			"is not a URL: want one as https://git.example.com/a"},
		{"in an scp-like address", "url: 'bot:hunter2-canary@h.example.com/a'", "2:10: repositories[0].url: " +
			"want a URL, as https://git.example.com/a.git, or user@host:path, or an absolute path"},
		{"beside a fault of grammar", "password: hunter2-canary\n    x: y: z", "3:8: is not YAML: mapping value is not allowed in this context"},
		{"in a proxy's URL", "proxy: {url: 'http://bot:hunter2-canary@p.example.com:3128'}", "2:18: repositories[0].proxy.url: " +
			"holds credentials: take them out and write username, and password: {env: NAME} or {file: PATH}"},
		{"of a proxy", "proxy: {url: 'http://p.example.com', username: bot, password: hunter2-canary}", "2:67: repositories[0].proxy.password: " + literal},
		{"in a bad URL of a proxy", "proxy: {url: 'bot:hunter2-canary@p.example.com'}", "2:18: repositories[0].proxy.url: " +
			"want the URL of a proxy, as http://proxy.example.com:3128"},
		{"in a header", "headers: {X-Key: hunter2-canary}", "2:22: repositories[0].headers.X-Key: " + literal},
		{"unclosed", `password: "hunter2-canary`, "2:15: is not YAML: could not find end character of double-quoted text"},
		{"in a mapping for text", "username: {a: hunter2-canary}",
			"2:15: repositories[0].username: want text (quote it where YAML reads something else), have a mapping"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := "repositories:\n  - " + test.text + "\n    name: a\n"
			if !strings.HasPrefix(test.text, "url:") {
				text += "    url: https://h.example.com/b\n"
			}
			_, err := config.Parse("k.yaml", []byte(text), config.Checks{})
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error repeats the secret:\n%v", err)
			}
			if !strings.Contains(err.Error()+"\n", "k.yaml:"+test.want+"\n") {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}
}

func TestASecretPrintsAsRedacted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KEYTRAIL_CANARY", canary)
	verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%20s"}
	for _, secret := range []config.Secret{config.SecretFromFile(file), config.SecretFromEnv("KEYTRAIL_CANARY")} {
		if v, err := secret.Value(); err != nil || v != canary {
			t.Fatalf("Value: %q, %v", v, err)
		}
		for _, verb := range verbs {
			if got := fmt.Sprintf(verb, secret); got != "[redacted]" {
				t.Errorf("%s prints %s", verb, got)
			}
		}
		c := config.Default()
		c.Auth.Tokens = []config.Token{{Name: "a", Token: secret}}
		credentials := config.Credentials{
			Token: secret, Password: secret, Headers: []config.Header{{Name: "X-Key", Value: secret}}, SSHKey: secret, SSHKeyPassphrase: secret,
		}
		c.Proxy.Password = secret
		c.Integrations = []config.Integration{{Credentials: credentials, Webhook: config.Webhook{Secret: secret}}}
		c.Repositories = []config.Repository{{Credentials: credentials, Reach: config.Reach{Proxy: config.Proxy{Password: secret}}}}

		var out bytes.Buffer
		log := zerolog.New(&out)
		for _, v := range []any{secret, &secret, *c, c, []config.Secret{secret}, map[config.Secret]config.Secret{secret: secret}} {
			for _, verb := range append(verbs, "%p", "%T") {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			fmt.Fprintln(&out, v, fmt.Errorf("wrapped: %v", v))
			log.Info().Interface("v", v).Any("w", v).Msgf("%v", v)
			if err := json.NewEncoder(&out).Encode(v); err != nil {
				t.Error(err)
			}
			if b, err := yaml.Marshal(v); err == nil {
				out.Write(b)
			}
		}
		log.Info().Stringer("s", secret).Msg("")
		for _, leak := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
			if i := strings.Index(out.String(), leak); i >= 0 {
				t.Errorf("printed %q: ...%s", leak, out.String()[max(0, i-80):i+len(leak)])
			}
		}
	}
}

func TestASecretFileIsReadAtEachUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	secret := config.SecretFromFile(file)
	for _, text := range []string{"first\n", "second", "third\r\n", "two\nlines\n"} {
		if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		want := strings.TrimRight(text, "\r\n")
		if got, err := secret.Value(); err != nil || got != want {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestASecretThatCannotBeReadSaysWhy(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode, size int) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, bytes.Repeat([]byte("x"), size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	wide := "has mode %s, open to more than its owner and group: chmod 0600 it, or 0640"
	tests := []struct {
		secret config.Secret
		want   string
	}{
		{config.Secret{}, "no secret is configured"},
		{config.SecretFromEnv("KEYTRAIL_UNSET"), "environment variable KEYTRAIL_UNSET is not set"},
		{config.SecretFromFile(filepath.Join(dir, "none")), "no such file"},
		{config.SecretFromFile(dir), "is not a regular file"},
		{config.SecretFromFile(write("others", 0o604, 1)), fmt.Sprintf(wide, "0604")},
		{config.SecretFromFile(write("run", 0o601, 1)), fmt.Sprintf(wide, "0601")},
		{config.SecretFromFile(write("group", 0o660, 1)), fmt.Sprintf(wide, "0660")},
		{config.SecretFromFile(write("empty", 0o600, 0)), "is empty"},
		{config.SecretFromFile(write("huge", 0o600, 65<<10)), "is over 65536 bytes"},
	}
	for _, test := range tests {
		if v, err := test.secret.Value(); err == nil || v != "" || !strings.Contains(err.Error(), test.want) {
			t.Errorf("want %q, got %q, %v", test.want, v, err)
		}
	}
}

func TestCheckSecretsNamesEachThatIsMissing(t *testing.T) {
	c, err := config.Load("../dist/example.yaml", config.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AZURE_PAT", "x")
	t.Setenv("AZURE_HOOK", "")
	t.Setenv("GITEA_TOKEN", "x")
	t.Setenv("GIT_PASSWORD", "x")
	t.Setenv("GIT_TOKEN", "x")
	want := "auth.tokens[0].token: secret file: stat /run/secrets/jira: no such file or directory\n" +
		"auth.tokens[1].token: secret file: stat /run/secrets/acme-board: no such file or directory\n" +
		"integrations[0].webhook.secret: environment variable AZURE_HOOK is not set: set it where keytrail is started\n" +
		"integrations[0].proxy.password: secret file: stat /run/secrets/proxy: no such file or directory\n" +
		"integrations[1].private_key: secret file: stat /run/secrets/github-app.pem: no such file or directory\n" +
		"integrations[2].token: environment variable GITLAB_TOKEN is not set: set it where keytrail is started\n" +
		"integrations[2].ssh_key: secret file: stat /etc/keytrail/id_ed25519: no such file or directory\n" +
		"integrations[4].password: secret file: stat /run/secrets/aws: no such file or directory\n" +
		"webhook.secret: environment variable REPOSITORIES_HOOK is not set: set it where keytrail is started\n" +
		"jira.token: secret file: stat /run/secrets/jira-api: no such file or directory\n" +
		"repositories[1].headers.X-Tenant: environment variable GIT_TENANT is not set: set it where keytrail is started\n" +
		"repositories[2].ssh_key: secret file: stat /etc/keytrail/id_ed25519: no such file or directory\n" +
		"repositories[2].ssh_key_passphrase: secret file: stat /run/secrets/passphrase: no such file or directory"
	if err := c.CheckSecrets(); err == nil || err.Error() != want {
		t.Errorf("got:\n%v", err)
	}
}
