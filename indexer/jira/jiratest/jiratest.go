// Package jiratest is a Jira for tests: an HTTP server that answers the requests of package jira as Data Center and Cloud do, in bodies
// of the shapes that their documentation shows, and keeps what is done in it.
//
//	j := jiratest.New(t, jiratest.Options{Token: "secret"})
//	j.Script(func(w http.ResponseWriter, r *http.Request, serve http.Handler) { … })   // fail, hang, lose the answer
//	j.Issue("ACME-1").Comments
//
// Its workflow has the statuses Open, In Progress, Resolved and Closed. Issues that nobody made are not there.
package jiratest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Options of a Server.
type Options struct {
	Token    string // that requests bear, or with Username the password of basic authentication
	Username string
	IsCloud  bool
	Users    []User    // beside the account of the token
	Projects []Project // nil: ACME
	// PlainProjects leaves former keys out of the list of projects, as older Jiras do.
	PlainProjects bool
}

// User is an account.
type User struct {
	Name       string // and account id on Cloud
	Mail       string // empty: hidden
	IsInactive bool
}

// Project is a project with its former keys.
type Project struct {
	Key        string
	Former     []string
	IsArchived bool // told only when it is asked for
}

// Issue is what was done to an issue.
type Issue struct {
	Status      string
	Moves       int
	Comments    []string
	Worklogs    []Worklog
	Labels      []string
	FixVersions []string
	Versions    []string
	Assignee    string
}

// Worklog is time that was logged.
type Worklog struct{ Spent, Started, Comment string }

// Server is a running Jira.
type Server struct {
	*httptest.Server
	options Options
	t       testing.TB

	mu       sync.Mutex
	issues   map[string]*Issue
	projects []Project
	requests []string
	script   func(w http.ResponseWriter, r *http.Request, serve http.Handler)
}

// New starts a Jira that the end of the test stops.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{options: o, t: t, issues: map[string]*Issue{}, projects: o.Projects}
	if s.projects == nil {
		s.projects = []Project{{Key: "ACME"}}
	}
	mux := s.mux()
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.admits(w, r) {
			mux.ServeHTTP(w, r)
		}
	})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		script := s.script
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		if script == nil {
			serve(w, r)
			return
		}
		script(w, r, serve)
	}))
	t.Cleanup(s.Close)
	return s
}

// Script has a function answer all requests from now on; serve is what answers without. Nil takes it away.
func (s *Server) Script(f func(w http.ResponseWriter, r *http.Request, serve http.Handler)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = f
}

// SetProjects replaces the projects.
func (s *Server) SetProjects(projects ...Project) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.projects = projects
}

// AddIssues makes issues that are open.
func (s *Server) AddIssues(keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		s.issues[key] = &Issue{Status: "Open"}
	}
}

// Issue gives what was done to an issue so far.
func (s *Server) Issue(key string) Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.issues[key]
	if i == nil {
		s.t.Fatalf("nobody made the issue %s", key)
	}
	copied := *i
	copied.Comments, copied.Worklogs = slices.Clone(i.Comments), slices.Clone(i.Worklogs)
	copied.Labels, copied.FixVersions, copied.Versions = slices.Clone(i.Labels), slices.Clone(i.FixVersions), slices.Clone(i.Versions)
	return copied
}

// Requests gives the requests so far, as "GET /rest/api/2/myself".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Changes gives those of the requests that change something.
func (s *Server) Changes() []string {
	return slices.DeleteFunc(s.Requests(), func(r string) bool { return strings.HasPrefix(r, "GET ") })
}

// admits answers requests of others than the account.
func (s *Server) admits(w http.ResponseWriter, r *http.Request) bool {
	username, password, isBasic := r.BasicAuth()
	if isBasic && s.options.Username == username && s.options.Token == password || s.options.Username == "" && r.Header.Get("Authorization") == "Bearer "+s.options.Token {
		return true
	}
	w.Header().Set("WWW-Authenticate", `OAuth realm="https%3A%2F%2Fjira.example.com"`)
	Refuse(w, http.StatusUnauthorized, "Client must be authenticated to access this resource.")
	return false
}

// Refuse answers as Jira does what it does not do.
func Refuse(w http.ResponseWriter, status int, messages ...string) {
	answer(w, status, map[string]any{"errorMessages": messages, "errors": map[string]string{}})
}

func refuseField(w http.ResponseWriter, field, message string) {
	answer(w, http.StatusBadRequest, map[string]any{"errorMessages": []string{}, "errors": map[string]string{field: message}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(fmt.Sprint("encode an answer of Jira: ", err))
	}
}

// Hang keeps an answer back until whoever asked is gone, as an answer does that is lost on its way.
func Hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // a server notices the end of a connection when it has read the request
	<-r.Context().Done()
}
