// Package github is GitHub.com, GitHub Enterprise Server, and both through a GitHub App.
//
// The API is version 2022-11-28 of https://docs.github.com/rest. A token is a personal access token, classic with the scope repo, or
// fine-grained with the rights Metadata, Contents and Pull requests. The document that filters see is the bare array of
// GET /user/repos, or {total_count, repositories} of GET /installation/repositories for an App.
package github

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// Host is an account on GitHub. It is for use by many goroutines.
type Host struct {
	config  host.Config
	account account
	origins host.Origins
}

// account is as whom GitHub is spoken to: by a token, or as an App.
type account interface {
	list(ctx context.Context) (any, error)
	// client speaks to the API about a repository.
	client(ctx context.Context, r host.Repository) (*hostapi.Client, error)
	// serving speaks to the API about a repository for what a caller makes.
	serving(ctx context.Context, r host.Repository, c host.Caller) (*hostapi.Client, error)
	// token is what git sends for a repository now.
	token(ctx context.Context, r host.Repository) (string, error)
}

// New makes the host of an account with a token. It takes URL, API, Token, Username, Organisation and APIPath.
func New(c host.Config) (host.Host, error) {
	if c.Token == nil {
		return nil, host.Problem(host.ErrConfig, "a github integration needs a token: write token: {env: NAME} or {file: PATH}")
	}
	path, err := listPath(c)
	if err != nil {
		return nil, err
	}
	api, err := newClient(c, hostapi.Bearer(c.Token))
	if err != nil {
		return nil, err
	}
	return newHost(c, &holder{api: api, path: path, secret: c.Token}), nil
}

func newHost(c host.Config, a account) *Host {
	return &Host{config: c, account: a, origins: append(host.Origins{webURL(c)}, c.Origins...)}
}

// newClient makes a client of the API behind a configured URL.
func newClient(c host.Config, a hostapi.Authorize) (*hostapi.Client, error) {
	o := hostapi.For(c, apiURL(c), a)
	o.Header = http.Header{"Accept": {"application/vnd.github+json"}, "X-Github-Api-Version": {"2022-11-28"}}
	o.Throttled = throttled
	return hostapi.New(o)
}

// webURL is where people look at repositories.
func webURL(c host.Config) string {
	if c.URL == "" {
		return "https://github.com"
	}
	return c.URL
}

// apiURL is where the API is: of GitHub.com, of a company's own subdomain of ghe.com, or of an Enterprise Server.
func apiURL(c host.Config) string {
	if c.API != "" {
		return c.API
	}
	u, err := url.Parse(webURL(c))
	if err != nil {
		return "" // hostapi.New says what is wrong with it
	}
	switch name := strings.ToLower(u.Hostname()); {
	case name == "github.com", name == "www.github.com", name == "api.github.com":
		return "https://api.github.com"
	case strings.HasSuffix(name, ".ghe.com") && !strings.HasPrefix(name, "api."):
		return "https://api." + name
	}
	return strings.TrimRight(c.URL, "/") + "/api/v3"
}

// throttled knows GitHub's limits behind status 403: the hourly one is used up, or the answer speaks of the secondary one, which does
// not always come with Retry-After.
func throttled(a hostapi.Answer) (time.Time, bool) {
	return time.Time{}, a.Status == http.StatusForbidden &&
		(a.Header.Get("X-RateLimit-Remaining") == "0" || strings.Contains(strings.ToLower(string(a.Body)), "secondary rate limit"))
}

// List gives the repositories of all pages.
func (h *Host) List(ctx context.Context) (any, error) { return h.account.list(ctx) }

// Select reads repositories. Those of an organisation's list may lack all but their id and name.
func (h *Host) Select(document any) ([]host.Repository, error) {
	return host.Repositories(document, func(o host.Object) (host.Repository, error) {
		r := host.Repository{
			ID:            o.ID("id"),
			Name:          o.String("full_name"),
			CloneSSH:      o.String("ssh_url"),
			WebURL:        host.Web(o.String("html_url")),
			DefaultBranch: o.String("default_branch"),
			Archived:      o.Bool("archived"),
			Disabled:      o.Bool("disabled"),
		}
		if r.WebURL == "" && r.Name != "" {
			r.WebURL = strings.TrimRight(webURL(h.config), "/") + "/" + hostapi.Segments(r.Name)
		}
		clone := o.String("clone_url")
		if clone == "" && r.Name != "" {
			clone = r.WebURL + ".git"
		}
		var err error
		r.CloneHTTP, err = h.origins.Clone(clone)
		return r, err
	})
}

// Credentials gives the token as a password. GitHub takes any user name beside it.
func (h *Host) Credentials(ctx context.Context, r host.Repository) (host.Credentials, error) {
	token, err := h.account.token(ctx, r)
	if err != nil {
		return host.Credentials{}, err
	}
	return host.Credentials{Username: cmp.Or(h.config.Username, "x-access-token"), Password: token}, nil
}

// holder is an account by a token.
type holder struct {
	api    *hostapi.Client
	path   string
	secret host.Secret
}

// listPath is what lists the repositories of a token.
func listPath(c host.Config) (string, error) {
	path, query, err := hostapi.List{
		Usual: "/user/repos", Organisation: hostapi.Path("/orgs/%s/repos", c.Organisation), API: "/api/v3", Example: "/orgs/acme/repos?type=private",
	}.Ref(c)
	if err != nil {
		return "", err
	}
	hostapi.SetDefault(query, "per_page", pageSize(c))
	return path + "?" + query.Encode(), nil
}

// maxPage is how many entries GitHub gives of a page at most.
const maxPage = 100

func pageSize(c host.Config) string { return strconv.Itoa(cmp.Or(c.Limits.PageSize, maxPage)) }

func (t *holder) list(ctx context.Context) (any, error) {
	all, err := t.api.Collect(ctx, t.path, "", hostapi.LinkNext)
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (t *holder) client(context.Context, host.Repository) (*hostapi.Client, error) { return t.api, nil }

func (t *holder) serving(_ context.Context, _ host.Repository, c host.Caller) (*hostapi.Client, error) {
	return t.api.For(c, hostapi.Bearer), nil
}

func (t *holder) token(ctx context.Context, _ host.Repository) (string, error) {
	c, err := host.TokenCredentials(ctx, "", t.secret)
	return c.Password, err
}
