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
	"context"
	"net/url"
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
	api, err := hostapi.New(hostapi.Options{
		Base: c.API, Authorize: authorize(c.Token), Transport: c.Transport, Limits: c.Limits, Observe: c.Observe,
	})
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
	path := "/user/repos"
	switch {
	case c.APIPath != "" && c.Organisation != "":
		return "", host.Problem(host.ErrConfig, "there is an api_path and an organisation: write one of them")
	case c.APIPath != "" && !strings.HasPrefix(c.APIPath, "/"):
		return "", host.Problem(host.ErrConfig, "the api_path does not begin with a slash: write it as %s", searchPath)
	case c.APIPath != "":
		path = belowAPI(c)
	case c.Organisation != "":
		path = hostapi.Path("/orgs/%s/repos", c.Organisation)
	}
	path, raw, _ := strings.Cut(path, "?")
	query, err := url.ParseQuery(raw)
	if err != nil {
		return "", host.Problem(host.ErrConfig, "the query of the api_path cannot be read: write it as %s?topic=true&q=go", searchPath)
	}
	if !query.Has("limit") {
		query.Set("limit", strconv.Itoa(pageSize(c)))
	}
	return path + "?" + query.Encode(), nil
}

// belowAPI gives a configured path without what stands before it on every path of the API: people copy it with that and without.
func belowAPI(c host.Config) string {
	path := c.APIPath
	if u, err := url.Parse(c.API); err == nil {
		path = strings.TrimPrefix(path, strings.TrimRight(u.Path, "/"))
	}
	return strings.TrimPrefix(path, apiPath)
}

func pageSize(c host.Config) int {
	if c.Limits.PageSize != 0 {
		return c.Limits.PageSize
	}
	return maxPage
}

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
	elements, err := host.Elements(document)
	if err != nil {
		return nil, err
	}
	repositories := make([]host.Repository, len(elements))
	for i, o := range elements {
		r := host.Repository{
			ID:            o.ID("id"),
			Name:          o.String("full_name"),
			CloneSSH:      o.String("ssh_url"),
			WebURL:        host.Web(o.String("html_url")),
			DefaultBranch: o.String("default_branch"),
			Archived:      o.Bool("archived"),
			Disabled:      o.Has("has_code") && !o.Bool("has_code"),
			Empty:         o.Bool("empty"),
		}
		if r.CloneHTTP, err = h.origins.Clone(o.String("clone_url")); err != nil {
			return nil, err
		}
		repositories[i] = r
	}
	return repositories, nil
}

// Credentials gives the token as a password. Gitea takes any user name beside it.
func (h *Host) Credentials(ctx context.Context, _ host.Repository) (host.Credentials, error) {
	token, err := h.config.Token(ctx)
	if err != nil {
		return host.Credentials{}, &host.Error{Kind: host.ErrAuth, Text: "the token cannot be read", Err: err}
	}
	username := h.config.Username
	if username == "" {
		username = "oauth2"
	}
	return host.Credentials{Username: username, Password: token}, nil
}
