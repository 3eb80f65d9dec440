package hostapi

import (
	"net/url"
	"strings"

	"keytrail/indexer/host"
)

// List says where a host lists its repositories, for one that lets the configuration choose.
type List struct {
	Usual        string // the path of all that the account sees; it may have a query
	Organisation string // the path of what the configured organisation has
	API          string // what stands before every path of the API, as "/api/v4"
	Example      string // an api_path with a query, for errors
}

// Ref gives the path and the query of the list that a configuration asks for.
func (l List) Ref(c host.Config) (path string, query url.Values, err error) {
	path = l.Usual
	switch {
	case c.APIPath != "" && c.Organisation != "":
		return "", nil, host.Problem(host.ErrConfig, "there is an api_path and an organisation: write one of them")
	case c.APIPath != "" && !strings.HasPrefix(c.APIPath, "/"):
		return "", nil, host.Problem(host.ErrConfig, "the api_path does not begin with a slash: write it as %s", l.Example)
	case c.APIPath != "":
		path = l.below(c)
	case c.Organisation != "":
		path = l.Organisation
	}
	path, raw, _ := strings.Cut(path, "?")
	if query, err = url.ParseQuery(raw); err != nil {
		return "", nil, host.Problem(host.ErrConfig, "the query of the api_path cannot be read: write it as %s", l.Example)
	}
	return path, query, nil
}

// below gives a configured path without what stands before it on every path of the API: people copy it with that and without.
func (l List) below(c host.Config) string {
	path := c.APIPath
	if u, err := url.Parse(c.API); err == nil {
		path = strings.TrimPrefix(path, strings.TrimRight(u.Path, "/"))
	}
	return strings.TrimPrefix(path, l.API)
}

// SetDefault gives a parameter a value if it has none.
func SetDefault(query url.Values, name, value string) {
	if !query.Has(name) {
		query.Set(name, value)
	}
}
