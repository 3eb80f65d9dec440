package gitlab

import (
	"net/url"
	"strconv"
	"strings"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// maxPage is how many entries GitLab gives of a page at most.
const maxPage = 100

// listPath is what lists the repositories of a token.
func listPath(c host.Config) (string, error) {
	path := "/projects?membership=true"
	switch {
	case c.APIPath != "" && c.Organisation != "":
		return "", host.Problem(host.ErrConfig, "there is an api_path and an organisation: write one of them")
	case c.APIPath != "" && !strings.HasPrefix(c.APIPath, "/"):
		return "", host.Problem(host.ErrConfig, "the api_path does not begin with a slash: write it as /groups/acme/projects")
	case c.APIPath != "":
		path = belowAPI(c)
	case c.Organisation != "":
		path = hostapi.Path("/groups/%s/projects?include_subgroups=true", strings.Trim(c.Organisation, "/"))
	}
	path, raw, _ := strings.Cut(path, "?")
	query, err := url.ParseQuery(raw)
	if err != nil {
		return "", host.Problem(host.ErrConfig, "the query of the api_path cannot be read: write it as /projects?starred=true")
	}
	paged(c, path, query)
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

// paged adds to the query of a list how it is read. Without an order of its own a list of projects is read by their ids, which
// do not change while pages are. GET /projects has keyset pages, for it takes no offset beyond 50,000
// (https://docs.gitlab.com/api/rest/#keyset-based-pagination); the lists of groups and users know only offsets.
func paged(c host.Config, path string, query url.Values) {
	setDefault(query, "per_page", strconv.Itoa(pageSize(c)))
	if !strings.HasSuffix(path, "/projects") || query.Has("order_by") || query.Has("page") {
		return
	}
	query.Set("order_by", "id")
	setDefault(query, "sort", "asc")
	if path == "/projects" {
		setDefault(query, "pagination", "keyset")
	}
}

func setDefault(query url.Values, name, value string) {
	if !query.Has(name) {
		query.Set(name, value)
	}
}

func pageSize(c host.Config) int {
	if c.Limits.PageSize != 0 {
		return c.Limits.PageSize
	}
	return maxPage
}

// nextAfter follows the pages of a list that begins at first: by the link to the next one, else by its number, which lists with offsets
// have too.
func nextAfter(first string) hostapi.Next {
	return func(p hostapi.Page) (string, error) {
		link, err := hostapi.LinkNext(p)
		if number := p.Header.Get("X-Next-Page"); link == "" && number != "" {
			return first + "&page=" + url.QueryEscape(number), err
		}
		return link, err
	}
}
