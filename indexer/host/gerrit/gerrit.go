// Package gerrit is Gerrit Code Review.
//
// The API is https://gerrit-review.googlesource.com/Documentation/rest-api.html. It takes the user name and the HTTP password (or token)
// that Gerrit makes under Settings > HTTP Credentials, and so does git. A project is known by its name alone: one that is renamed is
// another project.
//
// Gerrit lists projects as a map from name to project. The document that filters see is an array of these projects with their names in
// them, as users of Git Integration for Jira know it. A change is a pull request whose description is its commit message, and whose
// source branch is its topic, for there is no branch. Changes are made by pushing them, so this package makes none.
package gerrit

import (
	"context"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

const (
	// prefix stands before all JSON, so that no browser runs it as a script.
	prefix = ")]}'\n"
	// sshPort is the usual port of Gerrit's own SSH server.
	sshPort = "29418"

	branchPrefix = "refs/heads/"
)

// Host is an account on a Gerrit server. It is for use by many goroutines.
type Host struct {
	config host.Config
	api    *hostapi.Client
	web    *url.URL // with a slash at its end
}

// New makes the host of an account. It takes URL, Username and Password.
func New(c host.Config) (host.Host, error) {
	if c.Username == "" || c.Password == nil {
		return nil, host.Problem(host.ErrConfig, "a gerrit integration needs a username and an HTTP password: "+
			"write username: NAME and password: {env: NAME} or {file: PATH}")
	}
	base := strings.TrimRight(c.URL, "/")
	o := hostapi.For(c, base+"/a", hostapi.Basic(c.Username, c.Password))
	o.Prefix = prefix
	api, err := hostapi.New(o)
	if err != nil {
		return nil, err
	}
	web, err := url.Parse(base + "/")
	if err != nil {
		return nil, host.Problem(host.ErrConfig, "the url is not one of http or https: write it as https://gerrit.example.com")
	}
	return &Host{config: c, api: api, web: web}, nil
}

// maxPage is how many entries to ask for of a page: the most that Gerrit gives unless its administrator allows more (queryLimit).
const maxPage = 500

func (h *Host) pageSize() int {
	if h.config.Limits.PageSize > 0 {
		return h.config.Limits.PageSize
	}
	return maxPage
}

// following gives the pages after the first of a path. Read tells how many entries a page has, and whether more follow.
func following(path string, read func(content any) (entries int, isCut bool)) hostapi.Next {
	start := 0
	return func(p hostapi.Page) (string, error) {
		entries, isCut := read(p.Content)
		start += entries
		if entries == 0 || !isCut {
			return "", nil
		}
		return path + "&S=" + strconv.Itoa(start), nil
	}
}

// List gives the projects of all pages that hold code, with their descriptions.
func (h *Host) List(ctx context.Context) (any, error) {
	size := h.pageSize()
	path := "/projects/?d&type=CODE&n=" + strconv.Itoa(size)
	isCut := func(content any) (int, bool) {
		projects, _ := content.(map[string]any)
		for _, project := range projects {
			p, _ := project.(map[string]any)
			if host.Object(p).Bool("_more_projects") {
				return len(projects), true
			}
		}
		// Not every version marks a page that is cut.
		return len(projects), len(projects) >= size
	}
	all := []any{}
	for page, err := range h.api.Pages(ctx, path, following(path, isCut)) {
		if err != nil {
			return nil, err
		}
		projects, err := named(page.Content)
		if err != nil {
			return nil, err
		}
		all = append(all, projects...)
	}
	return all, nil
}

// named turns a map of projects into an array, sorted by the names, which it puts into the projects.
func named(content any) ([]any, error) {
	projects, ok := content.(map[string]any)
	if !ok {
		return nil, host.Problem(host.ErrAnswer, "a page of the list is not Gerrit's map of projects: check the url of the integration")
	}
	all := make([]any, 0, len(projects))
	for _, name := range slices.Sorted(maps.Keys(projects)) {
		project, ok := projects[name].(map[string]any)
		if !ok {
			return nil, host.Problem(host.ErrAnswer, "the project %q of the list is not an object: check the url of the integration", name)
		}
		delete(project, "_more_projects")
		project["name"] = name
		all = append(all, project)
	}
	return all, nil
}

// Select reads projects. Those that hold only rights and accounts are not to be fetched, and nor are hidden ones.
func (h *Host) Select(document any) ([]host.Repository, error) {
	return host.Repositories(document, func(o host.Object) (host.Repository, error) {
		name, state := o.String("name"), o.String("state")
		r := host.Repository{
			ID: name, Name: name,
			WebURL:   h.browser(o.List("web_links")),
			Archived: state == "READ_ONLY",
			Disabled: state == "HIDDEN" || name == "All-Projects" || name == "All-Users",
		}
		if name != "" {
			r.CloneHTTP = h.page("a/" + hostapi.Segments(name))
			r.CloneSSH = (&url.URL{
				Scheme: "ssh", User: url.User(h.config.Username), Host: net.JoinHostPort(h.web.Hostname(), sshPort), Path: "/" + name,
			}).String()
		}
		return r, nil
	})
}

// page gives the URL of an escaped path below the server's own.
func (h *Host) page(path string) string { return h.web.String() + path }

// browser gives the page in Gitiles of a thing with such links, and nothing where that plug-in is not installed. The links of other
// plug-ins lead to pages of which the rest of this program knows nothing.
func (h *Host) browser(links []host.Object) string {
	for _, link := range links {
		if name := link.String("name"); name != "browse" && name != "gitiles" {
			continue
		}
		if to, err := h.web.Parse(link.String("url")); err == nil {
			return host.Web(to.String())
		}
	}
	return ""
}

// Credentials gives the user name and the HTTP password.
func (h *Host) Credentials(ctx context.Context, _ host.Repository) (host.Credentials, error) {
	password, err := h.config.Password(ctx)
	if err != nil {
		return host.Credentials{}, &host.Error{Kind: host.ErrAuth, Text: "the password cannot be read", Err: err}
	}
	return host.Credentials{Username: h.config.Username, Password: password}, nil
}
