package gitlab

import (
	"cmp"
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
	path, query, err := hostapi.List{
		Usual:        "/projects?membership=true",
		Organisation: hostapi.Path("/groups/%s/projects?include_subgroups=true", strings.Trim(c.Organisation, "/")),
		API:          apiPath,
		Example:      "/groups/acme/projects?starred=true",
	}.Ref(c)
	if err != nil {
		return "", err
	}
	paged(c, path, query)
	return path + "?" + query.Encode(), nil
}

// paged adds to the query of a list how it is read. Without an order of its own a list of projects is read by their ids, which
// do not change while pages are. GET /projects has keyset pages, for it takes no offset beyond 50,000
// (https://docs.gitlab.com/api/rest/#keyset-based-pagination); the lists of groups and users know only offsets.
func paged(c host.Config, path string, query url.Values) {
	hostapi.SetDefault(query, "per_page", pageSize(c))
	if !strings.HasSuffix(path, "/projects") || query.Has("order_by") || query.Has("page") {
		return
	}
	query.Set("order_by", "id")
	hostapi.SetDefault(query, "sort", "asc")
	if path == "/projects" {
		hostapi.SetDefault(query, "pagination", "keyset")
	}
}

func pageSize(c host.Config) string { return strconv.Itoa(cmp.Or(c.Limits.PageSize, maxPage)) }

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
