package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A dialect is the REST API of another product, spoken so that its clients need another host name only. They are in gij.go and
// bitbucket.go.

// The paths of the dialects.
const (
	gijPath       = "/rest/gitplugin/"
	gijHookPath   = gijPath + "webhook/"
	bitbucketPath = "/rest/jira/"
)

// isGIJ reports whether a path is one of Git Integration for Jira's, but for its webhooks: what calls these reads no errors.
func isGIJ(path string) bool {
	return strings.HasPrefix(path, gijPath) && !strings.HasPrefix(path, gijHookPath)
}

// isDialect reports whether a path is one of another product's.
func isDialect(path string) bool { return isGIJ(path) || strings.HasPrefix(path, bitbucketPath) }

// failure gives what clients of a path are told of a problem, and its type.
func failure(path string, p *problem) (body any, contentType string) {
	status, title := p.kind.describe()
	switch {
	case isGIJ(path):
		return gijFailure{Error: title, Advice: p.detail}, "application/json"
	case strings.HasPrefix(path, bitbucketPath):
		return bitbucketFailure{Errors: []bitbucketError{{Message: p.detail}}}, "application/json"
	}
	return problemBody{Type: problemType + string(p.kind), Title: title, Status: status, Detail: p.detail}, "application/problem+json"
}

// plain takes from a request what the dialects allow around the path of a route.
func (s *Server) plain(r *http.Request) *http.Request {
	path := s.plainPath(r.URL.Path)
	if path == r.URL.Path {
		return r
	}
	plain, at := *r, *r.URL
	at.Path = path
	if at.RawPath != "" {
		at.RawPath = s.plainPath(at.RawPath)
	}
	plain.URL = &at
	return &plain
}

// plainPath is a path of a dialect, or of its webhooks, without the context path of the Jira that is imitated, with single slashes where
// a client joined addresses that both had one, without a slash at its end, and without the .json that Git Integration for Jira takes
// behind some of its resources. Other paths stay as they are.
func (s *Server) plainPath(path string) string {
	plain := path
	for strings.Contains(plain, "//") {
		plain = strings.ReplaceAll(plain, "//", "/")
	}
	if at, ok := strings.CutPrefix(plain, s.options.ContextPath); ok && strings.HasPrefix(at, "/") {
		plain = at
	}
	switch {
	case strings.HasPrefix(plain, gijHookPath), strings.HasPrefix(plain, "/git/webhook/"):
		return plain
	case isGIJ(plain):
		return strings.TrimSuffix(strings.TrimSuffix(plain, "/"), ".json")
	case isDialect(plain):
		return strings.TrimSuffix(plain, "/")
	}
	return path
}

// looseQuery is the query of a request of a dialect: clients write names in any case, and add parameters that mean nothing here.
type looseQuery map[string]string

func looseQueryOf(r *http.Request) (looseQuery, error) {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problemf(badParameter, "the query of the address is malformed: write parameters as name=value, joined by &")
	}
	q := looseQuery{}
	for name, values := range given {
		q[strings.ToLower(name)] = values[0]
	}
	return q, nil
}

// number reads a whole number within bounds.
func (q looseQuery) number(name string, least, most, unsaid int) (int, error) {
	text := q[strings.ToLower(name)]
	if text == "" {
		return unsaid, nil
	}
	return params{name: {text}}.number(name, least, most, unsaid)
}

// isSet reports whether a parameter is there and not false.
func (q looseQuery) isSet(name string) bool {
	text, isGiven := q[name]
	return isGiven && !strings.EqualFold(text, "false")
}

// number writes a number that is known.
func number(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// milliseconds gives an instant as the dialects write it; zero when it is not known.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
