// Package azuredevops is Azure DevOps Services (dev.azure.com and *.visualstudio.com) and Azure DevOps Server, once Team Foundation Server.
//
// The API is that of https://learn.microsoft.com/rest/api/azure/devops: version 7.1 at the Services, at a Server the first of 5.0, 4.1 and 3.0
// that it speaks. What the Services call an organisation and a Server a collection is an owner in this package: an owner has projects, and
// a project has repositories. A repository is named by all three, as "acme/Payments/billing-api", and known by its GUID. The token is a
// personal access token with the scopes Code (read), or Code (read and write) to make branches and pull requests, or one of Microsoft Entra ID.
// The document that filters see is {value, count} of GET _apis/git/repositories, which gives all repositories of an owner at once.
//
// In the files: site.go reads the configured URL and makes references; place.go knows the forms of a repository's URL; owners.go lists
// organisations and collections; list.go reads lists in the version that the host speaks; pullrequest.go and branch.go list and make;
// webhook.go reads service hooks.
package azuredevops

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"sync/atomic"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// Host is an account at the Services or on a Server. It is for use by many goroutines.
type Host struct {
	config  host.Config
	site    site
	api     *hostapi.Client
	origins host.Origins
	owners  func(context.Context) ([]string, error) // gives all that the account sees
	spoken  atomic.Int32                            // which of site.versions the host speaks
}

// New makes the host of an account at Azure DevOps Services. It takes URL (empty is https://dev.azure.com; it may hold an organisation and a
// project), Organisation, API, Token, and Username. Without an organisation it lists all that the account sees.
func New(c host.Config) (host.Host, error) {
	s, err := services(c)
	if err != nil {
		return nil, err
	}
	h, err := newHost(c, s)
	if err != nil {
		return nil, err
	}
	profiles, err := newClient(c, s.profiles)
	if err != nil {
		return nil, err
	}
	h.owners = func(ctx context.Context) ([]string, error) { return organisations(ctx, profiles) }
	return h, nil
}

// NewServer makes the host of an account on an Azure DevOps Server. It takes URL, which may end in a collection, Organisation, which is one, API,
// and Token, or Username and Password. Without a collection it lists all of them. A URL whose path ends in anything but "tfs" ends in a
// collection: where the Server's own path is another, API names it.
func NewServer(c host.Config) (host.Host, error) {
	s, err := server(c)
	if err != nil {
		return nil, err
	}
	h, err := newHost(c, s)
	if err != nil {
		return nil, err
	}
	h.owners = h.collections
	return h, nil
}

func newHost(c host.Config, s site) (*Host, error) {
	if c.Token == nil && c.Password == nil {
		return nil, host.Problem(host.ErrConfig, "an azure-devops integration needs a token: write token: {env: NAME} or {file: PATH}")
	}
	api, err := newClient(c, s.root)
	if err != nil {
		return nil, err
	}
	return &Host{config: c, site: s, api: api, origins: append(host.Origins{s.root, c.URL}, c.Origins...)}, nil
}

// newClient makes a client of the API behind a URL.
func newClient(c host.Config, base string) (*hostapi.Client, error) {
	o := hostapi.For(c, base, authorize(c.Username, secret(c)))
	// Else a token that has ended is answered with a redirect to a sign-in page.
	o.Header = http.Header{"X-Tfs-Fedauthredirect": {"Suppress"}}
	return hostapi.New(o)
}

// secret is what proves the account: a token goes before a password.
func secret(c host.Config) host.Secret {
	if c.Token != nil {
		return c.Token
	}
	return c.Password
}

// authorize sends a personal access token or a password by basic authentication, and a token of Microsoft Entra ID as a bearer token.
func authorize(username string, secret host.Secret) hostapi.Authorize {
	return func(ctx context.Context, request *http.Request) error {
		text, err := secret(ctx)
		if err != nil {
			return err
		}
		if isEntra(text) {
			return hostapi.Bearer(hostapi.Constant(text))(ctx, request)
		}
		return hostapi.Basic(username, hostapi.Constant(text))(ctx, request)
	}
}

// isEntra tells a token of Microsoft Entra ID, which is a JWT (RFC 7519), from a personal access token, which has no dots.
func isEntra(token string) bool {
	return strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") == 2
}

// List gives the repositories of the configured owner, or of all.
func (h *Host) List(ctx context.Context) (any, error) {
	owners := []string{h.site.owner}
	if h.site.owner == "" {
		var err error
		if owners, err = h.owners(ctx); err != nil {
			return nil, err
		}
	}
	all := []any{}
	for _, owner := range owners {
		some, err := h.repositories(ctx, owner)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return map[string]any{"value": all, "count": float64(len(all))}, nil
}

// Select reads repositories. Old Servers give no webUrl and no sshUrl; the page of a repository is at its clone URL.
func (h *Host) Select(document any) ([]host.Repository, error) {
	return host.Repositories(document, func(o host.Object) (host.Repository, error) {
		remote := o.String("remoteUrl")
		clone, err := h.allowed(remote).Clone(remote)
		return host.Repository{
			ID:            o.ID("id"),
			Name:          h.name(remote, o.String("project.name"), o.String("name")),
			CloneHTTP:     clone,
			CloneSSH:      o.String("sshUrl"),
			WebURL:        cmp.Or(host.Web(o.String("webUrl")), clone),
			DefaultBranch: strings.TrimPrefix(o.String("defaultBranch"), "refs/heads/"),
			Disabled:      o.Bool("isDisabled"),
			Empty:         !o.Has("defaultBranch") && o.ID("size") == "0",
		}, err
	})
}

// allowed are the origins that a clone URL may have. The Services give URLs of either of their forms, as the organisation has chosen.
func (h *Host) allowed(clone string) host.Origins {
	if isMicrosoft(h.site.root) && isMicrosoft(clone) {
		return append(host.Origins{clone}, h.origins...)
	}
	return h.origins
}

// Credentials gives the token as a password. Beside it any user name is taken, but none is not.
func (h *Host) Credentials(ctx context.Context, _ host.Repository) (host.Credentials, error) {
	text, err := secret(h.config)(ctx)
	if err != nil {
		return host.Credentials{}, &host.Error{Kind: host.ErrAuth, Text: "the token cannot be read", Err: err}
	}
	username := h.config.Username
	switch {
	case isEntra(text):
		return host.Credentials{Bearer: text}, nil
	case username == "":
		username = "all"
	}
	return host.Credentials{Username: username, Password: text}, nil
}
