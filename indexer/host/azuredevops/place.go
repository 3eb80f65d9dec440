package azuredevops

import (
	"net/url"
	"slices"
	"strings"

	"keytrail/indexer/host/hostapi"
)

// place is where a repository is.
type place struct{ owner, project, name string }

// String is the full name of the repository there. What is not known is left out.
func (p place) String() string {
	known := slices.DeleteFunc([]string{p.owner, p.project, p.name}, func(s string) bool { return s == "" })
	return strings.Join(known, "/")
}

// place reads the URL of a repository. At a Server only its path counts, for a Server has as many names as its network gives it. A
// repository that is called as its project may have a URL without that.
func (s site) place(raw string) (place, bool) {
	u, err := url.Parse(raw)
	if err != nil {
		return place{}, false
	}
	segments := segmentsOf(u)
	if owner, ok := oldOwner(u); ok && s.isCloud {
		if len(segments) > 0 && strings.EqualFold(segments[0], oldCollection) {
			segments = segments[1:]
		}
		segments = append([]string{owner}, segments...)
	} else if n := len(s.directory); len(segments) > n && slices.EqualFunc(segments[:n], s.directory, strings.EqualFold) {
		segments = segments[n:]
	}
	switch n := len(segments); {
	case n >= 4 && segments[n-2] == "_git":
		return place{segments[n-4], segments[n-3], segments[n-1]}, true
	case n == 3 && segments[1] == "_git":
		return place{segments[0], segments[2], segments[2]}, true
	}
	return place{}, false
}

// name is the full name of a repository by its clone URL and by what else is told of it, which may be less.
func (h *Host) name(clone, project, name string) string {
	p, ok := h.site.place(clone)
	if !ok {
		p.owner = h.site.owner
	}
	if project != "" {
		p.project = project
	}
	if name != "" {
		p.name = name
	}
	if p.name == "" {
		return ""
	}
	return p.String()
}

// urls are all URLs that a repository has or had, for a webhook may name it by another than the one that it was found by.
func (s site) urls(p place) []string {
	path := hostapi.Path("/%s/_git/%s", p.project, p.name)
	paths := []string{path}
	if p.project == p.name {
		paths = append(paths, hostapi.Path("/_git/%s", p.name))
	}
	var all []string
	for _, path := range paths {
		if !s.isCloud {
			all = append(all, s.root+hostapi.Path("/%s", p.owner)+path)
			continue
		}
		old := "https://" + p.owner + oldCloud
		all = append(all, "https://"+cloud+hostapi.Path("/%s", p.owner)+path, old+path, old+"/"+oldCollection+path)
	}
	if s.isCloud {
		path = hostapi.Path("v3/%s/%s/%s", p.owner, p.project, p.name)
		all = append(all, "git@ssh."+cloud+":"+path, p.owner+"@vs-ssh"+oldCloud+":"+path)
	}
	return all
}
