package httpapi

import (
	"net/http"
	"slices"
)

// The dialect of Git Integration for Jira (Data Center), whose documentation is at help.gitkraken.com. What that leaves open is as
// its clients expect it. Numbers of repositories are keytrail's.

// gijVersions are the versions of the API; each serves all there is, since clients use latest for 1.0.
var gijVersions = []string{"1.0", "2.0", "latest"}

// gijDate is the form of its times.
const gijDate = "2006-01-02T15:04:05-0700"

// gijFailure is what it says of an error.
type gijFailure struct {
	Success bool   `json:"success"` // never
	Error   string `json:"error"`
	Advice  string `json:"advice"`
}

// gijDone is the beginning of every answer that is no failure.
type gijDone struct {
	Success bool `json:"success"` // always
}

var gijOK = gijDone{Success: true}

// gij are the routes of the dialect, but for its webhooks.
func (s *Server) gij() []route {
	read := func(path string, serve handler) route {
		return route{pattern: "GET " + gijPath + "{version}/" + path, basic: true, dated: true, serve: gijVersioned(serve)}
	}
	write := func(method, path string, serve handler) route {
		return route{pattern: method + " " + gijPath + "{version}/" + path, basic: true, write: true, serve: gijVersioned(serve)}
	}
	return []route{
		read("issues/{key}/commits", s.gijCommits),
		read("issues/branches", s.gijBranches),
		read("issuegitdetails/issue/{key}", s.gijDetails),
		read("issuegitdetails/issue/{key}/tag", s.gijTags),
		read("issuegitdetails/issue/{key}/pullRequest", s.gijPullRequests),
		read("repository/{id}/commits/{sha}/issues", s.gijCommitIssues),
		read("repository/{id}/commit/{sha}/issues", s.gijCommitIssues),
		read("commit/{sha}/issues", s.gijHeldIssues),
		write(http.MethodPost, "repository/{id}/commits/{sha}/issues", s.gijEditIssues),
		write(http.MethodPost, "repository/{id}/commit/{sha}/issues", s.gijEditIssues),
		write(http.MethodPost, "repository/{id}/pullRequest", s.gijCreatePullRequest),
		read("repository", s.gijRepositories),
		read("repository/all", s.gijRepositoryPage),
		read("integration", s.gijIntegrations),
		write(http.MethodPost, "reindex", s.gijReindex),
		read("index", s.gijIndex),
		write(http.MethodPost, "index", s.gijReindex),
		write(http.MethodPost, "repository", gijConfigured),
		write(http.MethodPut, "repository", gijConfigured),
		write(http.MethodDelete, "repository", gijConfigured),
		write(http.MethodPut, "repository/{id}/disable", gijConfigured),
		write(http.MethodPost, "integration", gijConfigured),
	}
}

// gijVersioned serves the versions there are.
func gijVersioned(serve handler) handler {
	return func(w *response, r *http.Request) error {
		if version := r.PathValue("version"); !slices.Contains(gijVersions, version) {
			return problemf(routeNotFound, "there is no version %s of this API: use 1.0, 2.0 or latest", quote(version))
		}
		return serve(w, r)
	}
}

// gijConfigured answers requests to change what the configuration file says.
func gijConfigured(*response, *http.Request) error {
	return problemf(configured, "repositories and integrations are named in keytrail's configuration file: change it there, and send the daemon SIGHUP")
}
