package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// route is one line of the table that openapi.yaml describes.
type route struct {
	pattern string // of http.ServeMux
	open    bool   // answers without a token
	proved  bool   // the request holds another proof, which the handler checks
	write   bool   // not for a token that may only read
	whole   bool   // not for a token of some projects or integrations
	basic   bool   // the token may come as the password of basic authentication
	dated   bool   // answers from the index, and says as of when
	limit   int64  // of a request's body, in bytes; 0: maxBodyBytes
	serve   handler
}

// bodyLimit is how large the body of a request may be, in bytes.
func (r route) bodyLimit() int64 {
	if r.limit > 0 {
		return r.limit
	}
	return maxBodyBytes
}

// handler answers a request, or gives the error to answer with.
type handler func(w *response, r *http.Request) error

func (s *Server) table() []route {
	return slices.Concat(s.answers(), s.devInfo(), s.gij(), s.bitbucket(), s.hooks())
}

// answers are the routes of the API and of what operators ask.
func (s *Server) answers() []route {
	scrape := promhttp.HandlerFor(s.options.Gatherer, promhttp.HandlerOpts{ErrorLog: &s.options.Log})
	return []route{
		{pattern: "GET /api/v1/issues/{key}", dated: true, serve: s.issue},
		{pattern: "GET /api/v1/issues/{key}/commits", dated: true, serve: s.issueCommits},
		{pattern: "GET /api/v1/issues/{key}/branches", dated: true, serve: s.issueBranches},
		{pattern: "GET /api/v1/issues/{key}/tags", dated: true, serve: s.issueTags},
		{pattern: "GET /api/v1/issues/{key}/releases", dated: true, serve: s.issueReleases},
		{pattern: "GET /api/v1/issues/{key}/pull-requests", dated: true, serve: s.issuePullRequests},
		{pattern: "GET /api/v1/issues/{key}/commands", serve: s.issueCommands},
		{pattern: "GET /api/v1/commands", serve: s.commands},
		{pattern: "POST /api/v1/issues/commits", dated: true, serve: s.batch},
		{pattern: "GET /api/v1/repositories", dated: true, serve: s.repositories},
		{pattern: "GET /api/v1/repositories/{id}", dated: true, serve: s.repository},
		{pattern: "POST /api/v1/repositories/{id}/reindex", write: true, serve: s.reindex},
		{pattern: "POST /api/v1/repositories/{id}/branches", write: true, serve: s.createBranch},
		{pattern: "POST /api/v1/repositories/{id}/pull-requests", write: true, serve: s.createPullRequest},
		{pattern: "GET /api/v1/repositories/{id}/commits/{sha}", dated: true, serve: s.commit},
		{pattern: "GET /api/v1/repositories/{id}/commits/{sha}/issues", dated: true, serve: s.commitIssues},
		{pattern: "POST /api/v1/repositories/{id}/commits/{sha}/issues", write: true, serve: s.associateCommit},
		{pattern: "GET /api/v1/repositories/{id}/commits/{sha}/diff", dated: true, serve: s.diff},
		{pattern: "GET /api/v1/changes", dated: true, serve: s.changes},
		{pattern: "GET /api/v1/associations", serve: s.associations},
		{pattern: "POST /api/v1/associations", write: true, serve: s.associate},
		{pattern: "GET /api/v1/integrations", serve: s.integrations},
		{pattern: "POST /api/v1/integrations/{integration}/discover", write: true, serve: s.discover},
		{pattern: "GET /api/v1/explain", dated: true, serve: s.explain},
		{pattern: "GET /api/v1/export", dated: true, serve: s.export},
		{pattern: "GET /healthz", open: true, serve: s.health},
		{pattern: "GET /readyz", open: true, serve: s.ready},
		{pattern: "GET /openapi.yaml", open: true, serve: s.openapi},
		{pattern: "GET /metrics", whole: true, serve: func(w *response, r *http.Request) error {
			scrape.ServeHTTP(w, r)
			return nil
		}},
	}
}

// handle lets ServeMux call a handler.
func (s *Server) handle(to route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := w.(*response)
		var err error
		if to.dated {
			err = s.date(w.Header(), r)
		}
		if err == nil {
			err = to.serve(answer, r)
		}
		if err != nil {
			s.fail(answer, r, err)
		}
	}
}

// unrouted says why ServeMux has no handler for a request. The mux knows the methods of each path but tells them
// only in an answer of its own, which is taken from it here.
func unrouted(w http.ResponseWriter, r *http.Request, answer http.Handler) error {
	taken := &discard{header: http.Header{}}
	answer.ServeHTTP(taken, r)
	if allow := taken.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
		return problemf(methodNotAllowed, "the route knows %s only", allow)
	}
	return problemf(routeNotFound, "no route has this path: GET /openapi.yaml lists them all")
}

// discard is a ResponseWriter that keeps the header only.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// path gives the pattern without its method, as the label of metrics and log lines.
func (r route) path() string {
	_, path, _ := strings.Cut(r.pattern, " ")
	return path
}

// quote shows a user's text, shortened, so that no control character passes.
func quote(text string) string { return fmt.Sprintf("%.60q", text) }
