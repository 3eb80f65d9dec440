// Package gitea is Gitea and Forgejo, also below a path as https://git.example.com/gitea.
//
// The API is version 1 of https://docs.gitea.com/api/, which Forgejo has in common. A token has the scopes read:user, read:organization
// and read:repository, or write:repository to make branches and pull requests. The document that filters see is the array of
// GET /user/repos, or {ok, data} of GET /repos/search.
//
// In the files: gitea.go is the account with its repositories; pullrequest.go has pull requests and what can be made; webhook.go reads
// deliveries.
package gitea

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// Host is an account on Gitea. It is for use by many goroutines.
type Host struct {
	config  host.Config
	api     *hostapi.Client
	path    string // of the list, with its query
	origins host.Origins
}

const (
	apiPath    = "/api/v1"
	searchPath = "/repos/search"
	// maxPage is how many entries a server gives of a page at most, where MAX_RESPONSE_ITEMS says nothing else.
	maxPage = 50
)

// New makes the host of an account with a token. It takes URL, API, Token, Username, Organisation and APIPath, which may be /repos/search
// for all repositories that the account may see.
func New(c host.Config) (host.Host, error) {
	switch {
	case c.Token == nil:
		return nil, host.Problem(host.ErrConfig, "a gitea integration needs a token: write token: {env: NAME} or {file: PATH}")
	case c.URL == "":
		return nil, host.Problem(host.ErrConfig, "a gitea integration needs a url: write where its web pages begin, as https://git.example.com")
	}
	c.URL = strings.TrimRight(c.URL, "/")
	if c.API == "" {
		c.API = c.URL + apiPath
	}
	path, err := listPath(c)
	if err != nil {
		return nil, err
	}
	api, err := hostapi.New(hostapi.For(c, c.API, authorize(c.Token)))
	if err != nil {
		return nil, err
	}
	return &Host{config: c, api: api, path: path, origins: append(host.Origins{c.URL}, c.Origins...)}, nil
}

// authorize says who we are, in the form that Gitea had before it knew bearer tokens.
func authorize(token host.Secret) hostapi.Authorize {
	return hostapi.Header("Authorization", "token ", token)
}

// listPath is what lists the repositories of a token.
func listPath(c host.Config) (string, error) {
	path, query, err := hostapi.List{
		Usual: "/user/repos", Organisation: hostapi.Path("/orgs/%s/repos", c.Organisation), API: apiPath, Example: searchPath + "?topic=true&q=go",
	}.Ref(c)
	if err != nil {
		return "", err
	}
	hostapi.SetDefault(query, "limit", pageSize(c))
	return path + "?" + query.Encode(), nil
}

func pageSize(c host.Config) string { return strconv.Itoa(cmp.Or(c.Limits.PageSize, maxPage)) }

// List gives the repositories of all pages.
func (h *Host) List(ctx context.Context) (any, error) {
	isSearch := strings.HasPrefix(h.path, searchPath+"?")
	key := ""
	if isSearch {
		key = "data"
	}
	all, err := h.api.Collect(ctx, h.path, key, hostapi.LinkNext)
	if err != nil {
		return nil, err
	}
	if isSearch {
		return map[string]any{"ok": true, key: all}, nil
	}
	return all, nil
}

// Select reads repositories. One without the unit of code cannot be fetched; older servers do not tell.
func (h *Host) Select(document any) ([]host.Repository, error) {
	return host.Repositories(document, func(o host.Object) (host.Repository, error) {
		clone, err := h.origins.Clone(o.String("clone_url"))
		return host.Repository{
			ID:            o.ID("id"),
			Name:          o.String("full_name"),
			CloneHTTP:     clone,
			CloneSSH:      o.String("ssh_url"),
			WebURL:        host.Web(o.String("html_url")),
			DefaultBranch: o.String("default_branch"),
			Archived:      o.Bool("archived"),
			Disabled:      o.Has("has_code") && !o.Bool("has_code"),
			Empty:         o.Bool("empty"),
		}, err
	})
}

// Credentials gives the token as a password. Gitea takes any user name beside it.
func (h *Host) Credentials(ctx context.Context, _ host.Repository) (host.Credentials, error) {
	return host.TokenCredentials(ctx, cmp.Or(h.config.Username, "oauth2"), h.config.Token)
}
