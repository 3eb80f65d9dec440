package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Integration is an account on a git host that yields many repositories.
type Integration struct {
	Name string
	Type string // one of [Types]
	URL  string // of the account on its host; empty for a folder, and where the type knows it
	Credentials
	Reach
	Filter  string // JMESPath on the host's own JSON; empty selects all
	Webhook Webhook
	Refs    Refs // the configuration's own, where not overridden
	Links   Links

	API          string   // where the API begins, when URL does not tell
	Origins      []string // further origins that clone URLs may have, as https://git.example.com
	Organisation string   // organisation, group, project or collection; empty: all that the account sees
	APIPath      string   // what to list instead of the usual
	Region       string   // of AWS

	AppID          string // of a GitHub App
	InstallationID int    // of a GitHub App; 0: all installations
	PrivateKey     Secret // of a GitHub App

	RequireUserToken bool // branches and pull requests are made with the token of whoever asks for them only

	Path  string // of a folder: absolute
	Depth int    // of a folder: how many levels below Path to look for repositories
}

// Webhook is how a host's calls are known to be its own.
type Webhook struct {
	Username string // that goes with the secret; empty: any
	Secret   Secret
}

// The types of integrations.
const (
	TypeAzureDevOps       = "azure-devops"
	TypeAzureDevOpsServer = "azure-devops-server"
	TypeGitHub            = "github"
	TypeGitHubApp         = "github-app"
	TypeGitLab            = "gitlab"
	TypeBitbucketServer   = "bitbucket-server"
	TypeGerrit            = "gerrit"
	TypeCodeCommit        = "codecommit"
	TypeGitea             = "gitea"
	TypeFolder            = "folder"
)

// Types lists the integration types that a configuration may name.
func Types() []string {
	return []string{
		TypeAzureDevOps, TypeAzureDevOpsServer, TypeGitHub, TypeGitHubApp, TypeGitLab, TypeBitbucketServer, TypeGerrit,
		TypeCodeCommit, TypeGitea, TypeFolder,
	}
}

// typeKeys are the keys that not all types of integrations take.
type typeKeys struct {
	required, optional []string
	// credentials are optional keys of which one set must be there; none where the required ones are enough.
	credentials [][]string
}

// all are the keys that an integration of the type takes.
func (k typeKeys) all() []string {
	return slices.Concat([]string{"name", "type"}, k.required, k.optional, []string{"filter", "refs", "links"})
}

// keysOf says which keys an integration of a type takes beside name, type, filter, refs and links.
func keysOf(kind string) typeKeys {
	account := slices.Concat([]string{"origins", "webhook", "require_user_token", "headers", "ca", "proxy"}, ofSSH, ofRemotes)
	with := func(keys ...string) []string { return slices.Concat(account, keys) }
	switch kind {
	case TypeAzureDevOps:
		return typeKeys{required: []string{"token"}, optional: with("api", "url", "username", "organisation")}
	case TypeAzureDevOpsServer:
		return typeKeys{
			required: []string{"url"}, optional: with("api", "username", "password", "token", "organisation"),
			credentials: [][]string{{"token"}, {"username", "password"}},
		}
	case TypeGitHub, TypeGitLab:
		return typeKeys{required: []string{"token"}, optional: with("api", "url", "username", "organisation", "api_path")}
	case TypeGitHubApp:
		return typeKeys{required: []string{"app_id", "private_key"}, optional: with("api", "url", "installation_id")}
	case TypeBitbucketServer:
		return typeKeys{
			required: []string{"url"}, optional: with("api", "username", "password", "token", "organisation"),
			credentials: [][]string{{"token"}, {"username", "password"}},
		}
	case TypeGerrit:
		return typeKeys{required: []string{"url", "username", "password"}, optional: account}
	case TypeCodeCommit:
		return typeKeys{
			required: []string{"region", "username", "password"},
			optional: slices.Concat([]string{"api", "origins", "token", "webhook", "ca", "proxy"}, ofRemotes),
		}
	case TypeGitea:
		return typeKeys{required: []string{"url", "token"}, optional: with("api", "username", "organisation", "api_path")}
	case TypeFolder:
		return typeKeys{required: []string{"path"}, optional: []string{"depth"}}
	}
	return typeKeys{}
}

func (c *Config) readIntegrations(v value) {
	names := make(unique)
	v.list(func(v value) {
		in := Integration{Refs: c.Refs.clone(), Reach: c.Reach}
		fields := slices.Concat(
			[]field{
				{"name", text(&in.Name, checkName, names.check)},
				{"type", oneOf(&in.Type, Types()...)},
				{"url", text(&in.URL, checkHostURL)},
				{"filter", text(&in.Filter, checkFilterLength, v.d.checks.Filter)},
				{"webhook", in.Webhook.read},
				{"refs", in.Refs.read},
				{"links", in.Links.read},
				{"api", text(&in.API, checkHostURL)},
				{"origins", texts(&in.Origins, checkOrigin)},
				{"organisation", text(&in.Organisation, checkTitle)},
				{"api_path", text(&in.APIPath, checkAPIPath)},
				{"region", text(&in.Region, checkName)},
				{"app_id", numberOrText(&in.AppID, checkName)},
				{"installation_id", integer(&in.InstallationID, 1, 1<<53)},
				{"private_key", secret(&in.PrivateKey)},
				{"require_user_token", boolean(&in.RequireUserToken)},
				{"path", text(&in.Path, checkAbsolute)},
				{"depth", integer(&in.Depth, 1, 5)},
			},
			in.Credentials.fields(), in.Reach.fields(v.d.checks),
		)
		found, others := v.take(fields...)
		v.require(found, "name", "type")
		known, place := keysOfAll(fields), "here"
		if slices.Contains(Types(), in.Type) {
			known, place = keysOf(in.Type).all(), "to the type "+in.Type
			in.checkType(v, found)
		}
		v.refuse(others, known, place)
		c.Integrations = append(c.Integrations, in)
	})
}

// checkType holds the keys found against the type, which is one of [Types]: one that is never used is a mistake.
func (in *Integration) checkType(v value, found map[string]value) {
	keys := keysOf(in.Type)
	v.require(found, keys.required...)
	keys.requireCredentials(v, found)
	taken := keys.all()
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(taken, key) {
			found[key].fail("is not for an integration of type %s: take it out", in.Type)
		}
	}
	_, hasPassword := found["password"]
	_, hasToken := found["token"]
	isTemporaryKey := in.Type == TypeCodeCommit // whose token goes with a password
	if hasPassword && hasToken && !isTemporaryKey {
		v.fail("has a password and a token: write one of them")
	}
	if in.hasHeader("Authorization") {
		found["headers"].fail("has Authorization, which the credentials of the integration set: take it out")
	}
	_, hasPassphrase := found["ssh_key_passphrase"]
	if _, hasKey := found["ssh_key"]; hasPassphrase && !hasKey {
		v.fail("has an ssh_key_passphrase and no ssh_key: write the key that it opens")
	}
	if in.Type == TypeFolder && in.Depth == 0 {
		in.Depth = 1
	}
}

// requireCredentials records that no set of the credentials is whole in found.
func (k typeKeys) requireCredentials(v value, found map[string]value) {
	var ways []string
	for _, set := range k.credentials {
		if !slices.ContainsFunc(set, func(key string) bool { _, ok := found[key]; return !ok }) {
			return
		}
		ways = append(ways, strings.Join(set, " and "))
	}
	if len(ways) > 0 {
		v.fail("credentials are missing: write %s; a secret is written {env: NAME} or {file: PATH}", strings.Join(ways, ", or "))
	}
}

func (w *Webhook) read(v value) {
	found := v.mapping(
		field{"username", text(&w.Username)},
		field{"secret", secret(&w.Secret)},
	)
	v.require(found, "secret")
}

// readWebhook reads how callers for the repositories named one by one prove themselves: by a secret alone.
func (c *Config) readWebhook(v value) {
	v.require(v.mapping(field{"secret", secret(&c.Webhook.Secret)}), "secret")
}

// numberOrText reads a text that may be written as a number, as it stands there.
func numberOrText(dst *string, check func(string) error) func(value) {
	return func(v value) {
		if _, ok := v.node.(*ast.IntegerNode); ok {
			*dst = v.node.GetToken().Value
			return
		}
		text(dst, check)(v)
	}
}

// checkOrigin accepts scheme, host and port of a server (RFC 6454).
func checkOrigin(s string) error {
	if err := checkHostURL(s); err != nil {
		return err
	}
	if u, err := url.Parse(s); err != nil || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("%q has a path: want a scheme, a host and a port alone, as https://git.example.com", origin(s))
	}
	return nil
}

// checkAPIPath accepts what can stand behind the address of an API.
func checkAPIPath(s string) error {
	if u, err := url.Parse(s); err != nil || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || u.Fragment != "" {
		return errors.New("want a path of the host's API with a slash before it, as /orgs/acme/repos")
	}
	return nil
}
