package azuredevops

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

const (
	cloud            = "dev.azure.com"
	oldCloud         = ".visualstudio.com" // after an organisation
	cloudProfiles    = "https://app.vssps.visualstudio.com"
	defaultDirectory = "tfs"               // of a Server, below its origin
	oldCollection    = "DefaultCollection" // in the Services' old URLs
	maxPage          = 100                 // entries to ask for of a page
)

// site is where owners are, and which of them are wanted.
type site struct {
	root      string   // each owner has its API in a path below it, as "https://dev.azure.com"
	isOwned   bool     // root is the owner's own, as "https://acme.visualstudio.com"
	isCloud   bool     // the Services
	profiles  string   // where the Services tell an account's organisations
	owner     string   // the configured one; empty: all
	project   string   // the only one to list; empty: all
	versions  []string // of the API, the preferred one first
	directory []string // the path of root
}

// services reads where the Services are, and the organisation and project that a URL or the configuration names.
func services(c host.Config) (site, error) {
	raw := c.URL
	if raw == "" {
		raw = "https://" + cloud
	}
	u, segments, err := split(raw)
	if err != nil {
		return site{}, err
	}
	s := site{root: u.Scheme + "://" + u.Host, isCloud: true, versions: []string{"7.1"}}
	if owner, ok := oldOwner(u); ok {
		s.isOwned = true
		if len(segments) > 0 && strings.EqualFold(segments[0], oldCollection) {
			segments = segments[1:]
		}
		segments = append([]string{owner}, segments...)
	}
	s.profiles = s.root
	if isMicrosoft(raw) {
		s.profiles = cloudProfiles
	}
	if c.API != "" {
		s.root, s.profiles, s.isOwned = strings.TrimRight(c.API, "/"), c.API, false
	}
	if len(segments) > 2 {
		return site{}, host.Problem(host.ErrConfig, "the url is neither of an organisation nor of a project: write it as https://%s/acme", cloud)
	}
	if len(segments) == 2 {
		s.project = segments[1]
	}
	return s.of(c.Organisation, segments)
}

// server reads where a Server is, and the collection that its URL or the configuration names.
func server(c host.Config) (site, error) {
	raw := c.URL
	if c.API != "" {
		raw = c.API
	}
	u, segments, err := split(raw)
	if err != nil {
		return site{}, err
	}
	var collection []string
	if n := len(segments); n > 0 && c.API == "" && !strings.EqualFold(segments[n-1], defaultDirectory) {
		segments, collection = segments[:n-1], segments[n-1:]
	}
	s := site{root: u.Scheme + "://" + u.Host, versions: []string{"5.0", "4.1", "3.0"}, directory: segments}
	for _, segment := range segments {
		s.root += hostapi.Path("/%s", segment)
	}
	return s.of(c.Organisation, collection)
}

// of takes the owner from the configuration, or from what a URL names first.
func (s site) of(configured string, named []string) (site, error) {
	s.owner = configured
	if len(named) > 0 {
		s.owner = named[0]
		if configured != "" && !strings.EqualFold(configured, named[0]) {
			return site{}, host.Problem(host.ErrConfig, "the url names %s and organisation another: write one of them", named[0])
		}
	}
	return s, nil
}

// split gives a URL and the segments of its path.
func split(raw string) (*url.URL, []string, error) {
	u, err := url.Parse(raw)
	if err != nil || host.Origin(raw) == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, nil, host.Problem(host.ErrConfig, "the url is not one of http or https without credentials and query: "+
			"write it as https://%s/acme, or https://tfs.example.com/tfs", cloud)
	}
	segments := segmentsOf(u)
	if slices.Contains(segments, "_git") {
		return nil, nil, host.Problem(host.ErrConfig, "the url is of one repository: leave out what follows the organisation or collection")
	}
	return u, segments, nil
}

// segmentsOf gives the parts of a URL's path, unescaped.
func segmentsOf(u *url.URL) []string {
	return strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })
}

// oldOwner gives the organisation of an old URL of the Services, which is in its host's name.
func oldOwner(u *url.URL) (owner string, ok bool) {
	owner, ok = strings.CutSuffix(strings.ToLower(u.Hostname()), oldCloud)
	return owner, ok && owner != "" && !strings.Contains(owner, ".")
}

// isMicrosoft tells whether a URL is at the Services as Microsoft runs them.
func isMicrosoft(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
		return false
	}
	_, isOld := oldOwner(u)
	return isOld || strings.EqualFold(u.Hostname(), cloud)
}

// base is the reference of an owner's API.
func (s site) base(owner string) string {
	if s.isOwned {
		return "/_apis"
	}
	return hostapi.Path("/%s/_apis", owner)
}

// listed is the reference of an owner's repositories, or of those of the project.
func (s site) listed(owner string) string {
	switch {
	case s.project == "":
		return s.base(owner) + "/git/repositories"
	case s.isOwned:
		return hostapi.Path("/%s/_apis/git/repositories", s.project)
	}
	return hostapi.Path("/%s/%s/_apis/git/repositories", owner, s.project)
}

// repository is the reference of a repository.
func (s site) repository(r host.Repository) string {
	owner := s.owner
	if owner == "" {
		owner, _, _ = strings.Cut(r.Name, "/")
	}
	return s.base(owner) + hostapi.Path("/git/repositories/%s", r.ID)
}

// versioned adds a version of the API and parameters, pairs of a name and a value, to a reference.
func versioned(ref, version string, parameters ...string) string {
	query := url.Values{"api-version": {version}}
	for i := 0; i+1 < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	return ref + "?" + query.Encode()
}

// paged are the parameters of a page.
func paged(size, skip int) []string {
	return []string{"$top", strconv.Itoa(size), "$skip", strconv.Itoa(skip)}
}
