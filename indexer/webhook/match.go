package webhook

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"keytrail/indexer"
	"keytrail/indexer/host"
	"keytrail/storage"
)

// table finds repositories by what hosts call them.
type table struct {
	generation uint64
	of         map[string]*names // by integration
}

// names are those of one integration's repositories.
type names struct {
	byID  map[string]storage.RepositoryID   // by the host's id
	byURL map[string][]storage.RepositoryID // by place, see placeOf
	all   []storage.RepositoryID
}

func newTable(all []indexer.Registered, generation uint64) *table {
	t := &table{generation: generation, of: map[string]*names{}}
	for _, r := range all {
		n := t.of[r.Spec.Integration]
		if n == nil {
			n = &names{byID: map[string]storage.RepositoryID{}, byURL: map[string][]storage.RepositoryID{}}
			t.of[r.Spec.Integration] = n
		}
		n.all = append(n.all, r.ID)
		n.byID[r.Spec.HostID] = r.ID
		for _, u := range []string{r.Spec.URL, r.Spec.WebURL} {
			if at := placeOf(u); at != "" && !slices.Contains(n.byURL[at], r.ID) {
				n.byURL[at] = append(n.byURL[at], r.ID)
			}
		}
	}
	return t
}

// find gives the repositories that a delivery's subject is. isSure is that the host's id says so, or that the subject
// has none: else the repository has been made anew in the place of another, and the index does not know it yet.
func (n *names) find(s subject) (ids []storage.RepositoryID, isSure bool) {
	if n == nil {
		return nil, false
	}
	if id, known := n.byID[s.id]; known && s.id != "" {
		return []storage.RepositoryID{id}, true
	}
	for _, at := range s.places {
		for _, id := range n.byURL[at] {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids, len(ids) > 0 && s.id == ""
}

// subject is a repository as a delivery names it.
type subject struct {
	id     string
	places []string
}

// maxName bounds what is kept of a subject, in bytes of each name.
const maxName = 2048

func subjectOf(s host.Subject) subject {
	made := subject{}
	if len(s.ID) <= maxName {
		made.id = s.ID
	}
	for _, u := range s.URLs {
		if at := placeOf(u); at != "" && len(at) <= maxName && !slices.Contains(made.places, at) {
			made.places = append(made.places, at)
		}
	}
	slices.Sort(made.places)
	return made
}

// placeOf gives what is alike in all URLs of one repository, of cloning by any protocol and of its web page: the host and
// the path, in lower case. Scheme, user name, port, query, a trailing .git and escapes are left out. A repository on this
// machine is its path alone, as it is written: file systems tell cases apart. Empty: it is neither.
func placeOf(raw string) string {
	hostname, at := splitURL(raw)
	if hostname == "" {
		return localPlace(strings.TrimSpace(raw))
	}
	at = strings.Trim(path.Clean("/"+at), "/")
	at = strings.TrimSuffix(strings.ToLower(at), ".git")
	hostname, at = azurePlace(strings.ToLower(strings.TrimSuffix(hostname, ".")), at)
	return hostname + "/" + strings.TrimSuffix(at, "/")
}

// localPlace is that of an absolute path or a file URL.
func localPlace(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Scheme == "file" {
		raw = u.Path
	}
	if !path.IsAbs(raw) {
		return ""
	}
	at := strings.TrimSuffix(strings.TrimSuffix(path.Clean(raw), "/.git"), ".git")
	if at == "/" {
		return ""
	}
	return at
}

// splitURL gives host and path of a URL, or of the form user@host:path of git.
func splitURL(raw string) (hostname, at string) {
	raw = strings.TrimSpace(raw)
	if strings.Contains(raw, "://") {
		u, err := url.Parse(raw)
		if err != nil {
			return "", ""
		}
		return u.Hostname(), u.Path
	}
	before, at, ok := strings.Cut(raw, ":")
	if !ok || strings.Contains(before, "/") {
		return "", ""
	}
	hostname = before[strings.LastIndex(before, "@")+1:]
	if unescaped, err := url.PathUnescape(at); err == nil {
		at = unescaped
	}
	return hostname, at
}

// The hosts of Azure DevOps Services (https://learn.microsoft.com/azure/devops/release-notes/2018/sep-10-azure-devops-launch).
const (
	azure       = "dev.azure.com"
	azureSSH    = "ssh.dev.azure.com"
	oldAzureSSH = "vs-ssh.visualstudio.com"
	oldAzure    = ".visualstudio.com" // after the organisation
	collection  = "defaultcollection"
)

// azurePlace gives the present form of the many that a repository of Azure DevOps goes by: with the organisation as host name,
// with DefaultCollection before the project, without the project when the repository has its name, and over ssh.
func azurePlace(hostname, at string) (string, string) {
	switch organisation, isOld := strings.CutSuffix(hostname, oldAzure); {
	case hostname == azureSSH || hostname == oldAzureSSH:
		parts := strings.Split(at, "/")
		if len(parts) == 4 { // v3, organisation, project, repository
			hostname, at = azure, strings.Join([]string{parts[1], parts[2], "_git", parts[3]}, "/")
		}
	case isOld:
		hostname, at = azure, organisation+"/"+at
	}
	owner, rest, ok := strings.Cut(at, "/_git/")
	if !ok {
		return hostname, at
	}
	owner = strings.TrimSuffix(owner, "/"+collection)
	owner = strings.Replace(owner, "/"+collection+"/", "/", 1)
	if name, isAlike := strings.CutSuffix(owner, "/"+rest); isAlike {
		owner = name
	}
	return hostname, owner + "/_git/" + rest
}
