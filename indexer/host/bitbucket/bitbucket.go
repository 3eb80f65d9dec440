// Package bitbucket is Bitbucket Data Center, which was Bitbucket Server and Stash.
//
// The API is https://developer.atlassian.com/server/bitbucket/rest/, which every version has at /rest/api/latest. A token is an HTTP
// access token of a user, a project or a repository with the right to read repositories, or to write them to make branches and
// pull requests. The tokens of projects and repositories are taken as bearer tokens alone, by git too
// (https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html), so all are sent as such. A user name and a
// password serve where there are no tokens. The document that filters see is {size, isLastPage, start, values}, as of one page with all
// repositories.
//
// In the files: bitbucket.go is the account with its repositories; pullrequest.go is a pull request, and what can be made; changed.go finds
// the pull requests that changed; webhook.go reads deliveries.
package bitbucket

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"sync"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// Host is an account on Bitbucket. It is for use by many goroutines.
type Host struct {
	config  host.Config
	api     *hostapi.Client
	secret  host.Secret // the token, or the password
	origins host.Origins

	mu      sync.Mutex
	watched map[string]map[int64]bool // by the repository's id: what to look for when pull requests are read again
}

// New makes the host of an account. It takes URL, API, Token, or Username and Password, and Organisation, which is the key of a project.
func New(c host.Config) (host.Host, error) {
	if c.Token == nil && (c.Username == "" || c.Password == nil) {
		return nil, host.Problem(host.ErrConfig, "a bitbucket-server integration needs a token, or a username and a password: "+
			"write token: {env: NAME} or {file: PATH}")
	}
	h := &Host{config: c, watched: map[string]map[int64]bool{}, origins: append(host.Origins{c.URL}, c.Origins...)}
	var authorize hostapi.Authorize
	if c.Token != nil {
		h.secret = notEmpty(c.Token)
		authorize = hostapi.Bearer(h.secret)
	} else {
		h.secret = notEmpty(c.Password)
		authorize = hostapi.Basic(c.Username, h.secret)
	}
	var err error
	h.api, err = hostapi.New(hostapi.For(c, apiURL(c), authorize))
	if err != nil {
		return nil, err
	}
	return h, nil
}

// apiURL is where the API is.
func apiURL(c host.Config) string {
	if c.API != "" {
		return c.API
	}
	return webURL(c) + "/rest/api/latest"
}

// webURL is where people look at the server, without a slash at its end.
func webURL(c host.Config) string { return strings.TrimRight(c.URL, "/") }

// notEmpty makes an error of an empty secret. To somebody without credentials Bitbucket lists the public repositories, with success:
// all others would look deleted.
func notEmpty(secret host.Secret) host.Secret {
	return func(ctx context.Context) (string, error) {
		value, err := secret(ctx)
		if err == nil && value == "" {
			return "", host.Problem(host.ErrAuth, "the token or password of the integration is empty: look where it is kept")
		}
		return value, err
	}
}

// List gives the repositories of all pages.
func (h *Host) List(ctx context.Context) (any, error) {
	path := withPageSize(h.config, listPath(h.config), maxPage)
	all, err := h.api.Collect(ctx, path, "values", nextStart(path))
	if err != nil {
		return nil, err
	}
	return map[string]any{"size": float64(len(all)), "isLastPage": true, "start": 0.0, "values": all}, nil
}

// listPath is what lists the repositories. Since version 8.0 those that are archived are left out unless asked for.
func listPath(c host.Config) string {
	if c.Organisation != "" {
		return hostapi.Path("/projects/%s/repos?archived=ALL", c.Organisation)
	}
	return "/repos?archived=ALL"
}

// maxPage is how many entries to ask for of a page. The server gives less where it is set to.
const maxPage = 1000

// withPageSize asks for pages as large as configured, or of a size.
func withPageSize(c host.Config, path string, size int) string {
	return path + "&limit=" + strconv.Itoa(cmp.Or(c.Limits.PageSize, size))
}

// nextStart follows the pages of a path to the last. The next page begins where the host says: what the account may not see is left out
// of a page, but counted.
func nextStart(path string) hostapi.Next {
	return func(p hostapi.Page) (string, error) {
		content, _ := p.Content.(map[string]any)
		page := host.Object(content)
		start := page.ID("nextPageStart")
		switch {
		case page.Bool("isLastPage"):
			return "", nil
		case start == "":
			return "", host.Problem(host.ErrAnswer, "a page of a list says neither that it is the last nor where the next one begins: "+
				"check the url of the integration")
		}
		return path + "&start=" + start, nil
	}
}

// Select reads repositories. A name is the project's key and the slug, as the API takes it: PAY/billing-api.
func (h *Host) Select(document any) ([]host.Repository, error) {
	return host.Repositories(document, func(o host.Object) (host.Repository, error) {
		state := o.String("state")
		r := host.Repository{
			ID:            o.ID("id"),
			Name:          fullName(o.String("project.key"), o.String("slug")),
			CloneSSH:      cloneURL(o, "ssh"),
			DefaultBranch: strings.TrimPrefix(o.String("defaultBranch"), branchPrefix),
			Archived:      o.Bool("archived"),
			Disabled:      state != "" && state != "AVAILABLE",
		}
		for _, link := range o.List("links.self") {
			r.WebURL = host.Web(link.String("href"))
		}
		var err error
		r.CloneHTTP, err = h.origins.Clone(cloneURL(o, "http"))
		return r, err
	})
}

// fullName is empty unless both parts are known.
func fullName(project, slug string) string {
	if project == "" || slug == "" {
		return ""
	}
	return project + "/" + slug
}

// cloneURL gives the clone URL of a name: ssh, or http, which is also that of https. A server may have either switched off.
func cloneURL(o host.Object, name string) string {
	for _, link := range o.List("links.clone") {
		if link.String("name") == name {
			return link.String("href")
		}
	}
	return ""
}

// Credentials gives the token as a bearer token, or the user name and the password.
func (h *Host) Credentials(ctx context.Context, _ host.Repository) (host.Credentials, error) {
	secret, err := h.secret(ctx)
	if err != nil {
		return host.Credentials{}, &host.Error{Kind: host.ErrAuth, Text: "the credentials for git cannot be had", Err: err}
	}
	if h.config.Token != nil {
		return host.Credentials{Bearer: secret}, nil
	}
	return host.Credentials{Username: h.config.Username, Password: secret}, nil
}
