// Package gitlab is GitLab.com and GitLab CE/EE on an own server, also below a path as https://git.example.com/gitlab.
//
// The API is version 4 of https://docs.gitlab.com/api/rest/. A token is a personal, group, project or OAuth token with the scopes read_api and
// read_repository, or api to make branches and merge requests. The document that filters see is the array of GET /projects, in full and
// not in the simple form. GitLab calls a pull request a merge request, and a repository a project.
//
// In the files: gitlab.go is the account with its repositories; list.go is what is asked for, page by page; mergerequest.go has pull
// requests and what can be made; webhook.go reads deliveries.
package gitlab

import (
	"cmp"
	"context"
	"strings"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// Host is an account on GitLab. It is for use by many goroutines.
type Host struct {
	config  host.Config
	api     *hostapi.Client
	path    string // of the list, with its query
	origins host.Origins
}

// apiPath is where the API is below the URL of the installation.
const apiPath = "/api/v4"

// New makes the host of an account with a token. It takes URL, API, Token, Username, Organisation (a group, whose subgroups count)
// and APIPath.
func New(c host.Config) (host.Host, error) {
	if c.Token == nil {
		return nil, host.Problem(host.ErrConfig, "a gitlab integration needs a token: write token: {env: NAME} or {file: PATH}")
	}
	if c.URL == "" {
		c.URL = "https://gitlab.com"
	}
	c.URL = strings.TrimRight(c.URL, "/")
	if c.API == "" {
		c.API = c.URL + apiPath
	}
	path, err := listPath(c)
	if err != nil {
		return nil, err
	}
	api, err := hostapi.New(hostapi.For(c, c.API, hostapi.Bearer(c.Token)))
	if err != nil {
		return nil, err
	}
	return &Host{config: c, api: api, path: path, origins: append(host.Origins{c.URL}, c.Origins...)}, nil
}

// List gives the repositories of all pages. Servers that have no tag_list any more, by which filters know the topics, get it back.
func (h *Host) List(ctx context.Context) (any, error) {
	all, err := h.api.Collect(ctx, h.path, "", nextAfter(h.path))
	if err != nil {
		return nil, err
	}
	for _, element := range all {
		project, _ := element.(map[string]any)
		topics, has := project["topics"]
		if _, is := project["tag_list"]; has && !is {
			project["tag_list"] = topics
		}
	}
	return all, nil
}

// Select reads repositories. One whose repository is switched off in the project's settings is disabled.
func (h *Host) Select(document any) ([]host.Repository, error) {
	return host.Repositories(document, func(o host.Object) (host.Repository, error) {
		clone, err := h.origins.Clone(o.String("http_url_to_repo"))
		return host.Repository{
			ID:            o.ID("id"),
			Name:          o.String("path_with_namespace"),
			CloneHTTP:     clone,
			CloneSSH:      o.String("ssh_url_to_repo"),
			WebURL:        host.Web(o.String("web_url")),
			DefaultBranch: o.String("default_branch"),
			Archived:      o.Bool("archived"),
			Disabled:      o.String("repository_access_level") == "disabled",
			Empty:         o.Bool("empty_repo"),
		}, err
	})
}

// Credentials gives the token as a password. The user name beside it is free, but oauth2 for an OAuth token.
func (h *Host) Credentials(ctx context.Context, _ host.Repository) (host.Credentials, error) {
	return host.TokenCredentials(ctx, cmp.Or(h.config.Username, "oauth2"), h.config.Token)
}
