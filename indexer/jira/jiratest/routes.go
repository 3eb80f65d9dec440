package jiratest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mux answers requests whose account is known.
func (s *Server) mux() *http.ServeMux {
	m := http.NewServeMux()
	const api = "/rest/api/2"
	m.HandleFunc("GET "+api+"/myself", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, s.user(User{Name: "keytrail", Mail: "keytrail@example.com"}))
	})
	m.HandleFunc("GET "+api+"/user/search", s.searchUsers)
	m.HandleFunc("GET "+api+"/project", s.listProjects)
	m.HandleFunc("GET "+api+"/project/search", s.searchProjects)
	m.HandleFunc("GET "+api+"/project/{key}", s.project)
	issue := func(pattern string, serve func(http.ResponseWriter, *http.Request, *Issue)) {
		method, path, _ := strings.Cut(pattern, " ")
		m.HandleFunc(method+" "+api+"/issue/{key}"+path, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if i := s.issues[r.PathValue("key")]; i != nil {
				serve(w, r, i)
				return
			}
			Refuse(w, http.StatusNotFound, "Issue Does Not Exist")
		})
	}
	issue("GET ", getIssue)
	issue("PUT ", editIssue)
	issue("PUT /assignee", s.assign)
	issue("GET /transitions", listTransitions)
	issue("POST /transitions", transition)
	issue("GET /comment", listComments)
	issue("POST /comment", addComment)
	issue("GET /worklog", listWorklogs)
	issue("POST /worklog", addWorklog)
	return m
}

// read reads a request's body, or refuses it.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil || r.Header.Get("Content-Type") != "application/json" {
		Refuse(w, http.StatusBadRequest, fmt.Sprint("the request cannot be read: ", err))
		return false
	}
	return true
}

// shown is the name of a user as people see it.
func (u User) shown() string { return strings.ToUpper(u.Name[:1]) + u.Name[1:] + " Example" }

func (s *Server) user(u User) map[string]any {
	told := map[string]any{
		"self": "https://jira.example.com/rest/api/2/user", "displayName": u.shown(), "active": !u.IsInactive,
		"timeZone": "Etc/UTC", "avatarUrls": map[string]string{"16x16": "https://jira.example.com/avatar"},
	}
	if s.options.IsCloud {
		told["accountId"], told["accountType"] = "5b10:"+u.Name, "atlassian"
	} else {
		told["name"], told["key"] = u.Name, "JIRAUSER10100"
	}
	if u.Mail != "" {
		told["emailAddress"] = u.Mail
	}
	return told
}

// searchUsers finds by the beginnings of names and mail addresses, as Jira does.
func (s *Server) searchUsers(w http.ResponseWriter, r *http.Request) {
	by := "username"
	if s.options.IsCloud {
		by = "query"
	}
	text := strings.ToLower(r.URL.Query().Get(by))
	if text == "" {
		Refuse(w, http.StatusBadRequest, "The "+by+" query parameter was not provided.")
		return
	}
	found := []any{}
	for _, u := range s.options.Users {
		if strings.HasPrefix(strings.ToLower(u.shown()), text) || strings.HasPrefix(strings.ToLower(u.Mail), text) {
			found = append(found, s.user(u))
		}
	}
	answer(w, http.StatusOK, found)
}

func (s *Server) told(p Project, withKeys bool) map[string]any {
	told := map[string]any{"expand": "description,lead,url,projectKeys", "id": "10000", "key": p.Key, "name": p.Key, "projectTypeKey": "software"}
	if withKeys {
		told["projectKeys"] = append([]string{p.Key}, p.Former...)
	}
	return told
}

// seen gives the projects, the archived ones only if they are wanted.
func (s *Server) seen(withArchived bool) []Project {
	return slices.DeleteFunc(slices.Clone(s.projects), func(p Project) bool { return p.IsArchived && !withArchived })
}

func (s *Server) listProjects(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	for _, p := range s.seen(r.URL.Query().Get("includeArchived") == "true") {
		list = append(list, s.told(p, r.URL.Query().Get("expand") == "projectKeys" && !s.options.PlainProjects))
	}
	answer(w, http.StatusOK, list)
}

func (s *Server) searchProjects(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.options.IsCloud {
		Refuse(w, http.StatusNotFound, "No project could be found with key 'search'.")
		return
	}
	const most = 2 // so that few projects are several pages
	from, _ := strconv.Atoi(r.URL.Query().Get("startAt"))
	seen := s.seen(slices.Contains(r.URL.Query()["status"], "archived"))
	end := min(from+most, len(seen))
	values := []any{}
	for _, p := range seen[min(from, end):end] {
		values = append(values, s.told(p, r.URL.Query().Get("expand") == "projectKeys"))
	}
	answer(w, http.StatusOK, map[string]any{
		"maxResults": most, "startAt": from, "total": len(seen), "isLast": end == len(seen), "values": values,
	})
}

func (s *Server) project(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.projects {
		if p.Key == r.PathValue("key") {
			answer(w, http.StatusOK, s.told(p, r.URL.Query().Get("expand") == "projectKeys"))
			return
		}
	}
	Refuse(w, http.StatusNotFound, fmt.Sprintf("No project could be found with key '%s'.", r.PathValue("key")))
}

func getIssue(w http.ResponseWriter, r *http.Request, i *Issue) {
	answer(w, http.StatusOK, map[string]any{
		"id": "10001", "key": r.PathValue("key"), "fields": map[string]any{"status": map[string]any{"id": "1", "name": i.Status}},
	})
}

// editIssue adds to the sets of an issue. Jira knows the versions 1.0 and 2.0, and no label has a space.
func editIssue(w http.ResponseWriter, r *http.Request, i *Issue) {
	type version struct {
		Add struct {
			Name string `json:"name"`
		} `json:"add"`
	}
	var body struct {
		Update struct {
			FixVersions []version `json:"fixVersions"`
			Versions    []version `json:"versions"`
			Labels      []struct {
				Add string `json:"add"`
			} `json:"labels"`
		} `json:"update"`
	}
	if !read(w, r, &body) {
		return
	}
	add := func(to *[]string, value string) {
		if !slices.Contains(*to, value) {
			*to = append(*to, value)
		}
	}
	for field, versions := range map[string][]version{"fixVersions": body.Update.FixVersions, "versions": body.Update.Versions} {
		for _, v := range versions {
			if v.Add.Name != "1.0" && v.Add.Name != "2.0" {
				refuseField(w, field, fmt.Sprintf("Version name '%s' is not valid", v.Add.Name))
				return
			}
			if field == "versions" {
				add(&i.Versions, v.Add.Name)
			} else {
				add(&i.FixVersions, v.Add.Name)
			}
		}
	}
	for _, l := range body.Update.Labels {
		add(&i.Labels, l.Add)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) assign(w http.ResponseWriter, r *http.Request, i *Issue) {
	var body struct {
		Name      string `json:"name"`
		AccountID string `json:"accountId"`
	}
	if !read(w, r, &body) {
		return
	}
	name := body.Name
	if s.options.IsCloud {
		name = strings.TrimPrefix(body.AccountID, "5b10:")
	}
	if !slices.ContainsFunc(s.options.Users, func(u User) bool { return u.Name == name && !u.IsInactive }) {
		refuseField(w, "assignee", fmt.Sprintf("User '%s' does not exist.", name))
		return
	}
	i.Assignee = name
	w.WriteHeader(http.StatusNoContent)
}

// step is a step of the workflow.
type step struct{ id, from, name, to string }

func workflow() []step {
	return []step{
		{"4", "Open", "Start Progress", "In Progress"},
		{"5", "Open", "Resolve Issue", "Resolved"},
		{"5", "In Progress", "Resolve Issue", "Resolved"},
		{"2", "Resolved", "Close", "Closed"},
		{"3", "Resolved", "Reopen", "Open"},
		{"3", "Closed", "Reopen", "Open"},
	}
}

func listTransitions(w http.ResponseWriter, _ *http.Request, i *Issue) {
	list := []any{}
	for _, s := range workflow() {
		if s.from == i.Status {
			list = append(list, map[string]any{"id": s.id, "name": s.name, "to": map[string]any{"id": "9", "name": s.to, "description": ""}})
		}
	}
	answer(w, http.StatusOK, map[string]any{"expand": "transitions", "transitions": list})
}

func transition(w http.ResponseWriter, r *http.Request, i *Issue) {
	var body struct {
		Transition struct {
			ID string `json:"id"`
		} `json:"transition"`
	}
	if !read(w, r, &body) {
		return
	}
	for _, s := range workflow() {
		if s.from == i.Status && s.id == body.Transition.ID {
			i.Status = s.to
			i.Moves++
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	Refuse(w, http.StatusBadRequest, "It seems that you have tried to perform a workflow operation that is not valid for the current state of this issue.")
}

// page cuts a list as startAt and maxResults say; a page has at most two, so that a few are several pages.
func page[T any](w http.ResponseWriter, r *http.Request, name string, all []T, tell func(T) any) {
	const most = 2
	from, _ := strconv.Atoi(r.URL.Query().Get("startAt"))
	end := min(from+most, len(all))
	list := []any{}
	for _, v := range all[min(from, end):end] {
		list = append(list, tell(v))
	}
	answer(w, http.StatusOK, map[string]any{"startAt": from, "maxResults": most, "total": len(all), name: list})
}

func listComments(w http.ResponseWriter, r *http.Request, i *Issue) {
	page(w, r, "comments", i.Comments, func(text string) any {
		return map[string]any{"id": "10000", "body": text, "author": map[string]any{"name": "keytrail"}, "created": "2026-11-23T10:00:00.000+0000"}
	})
}

func addComment(w http.ResponseWriter, r *http.Request, i *Issue) {
	var body struct {
		Body string `json:"body"`
	}
	if !read(w, r, &body) {
		return
	}
	if strings.TrimSpace(body.Body) == "" {
		refuseField(w, "comment", "Comment body can not be empty!")
		return
	}
	i.Comments = append(i.Comments, strings.ReplaceAll(body.Body, "\n", "\r\n"))
	answer(w, http.StatusCreated, map[string]any{"id": "10000", "body": body.Body})
}

func listWorklogs(w http.ResponseWriter, r *http.Request, i *Issue) {
	page(w, r, "worklogs", i.Worklogs, func(l Worklog) any {
		return map[string]any{"id": "100", "comment": l.Comment, "started": l.Started, "timeSpent": l.Spent}
	})
}

func addWorklog(w http.ResponseWriter, r *http.Request, i *Issue) {
	var body struct {
		TimeSpent string `json:"timeSpent"`
		Started   string `json:"started"`
		Comment   string `json:"comment"`
	}
	if !read(w, r, &body) {
		return
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000-0700", body.Started); err != nil && body.Started != "" {
		refuseField(w, "started", "Error parsing time: "+body.Started)
		return
	}
	i.Worklogs = append(i.Worklogs, Worklog{body.TimeSpent, body.Started, body.Comment})
	answer(w, http.StatusCreated, map[string]any{"id": "100", "timeSpent": body.TimeSpent})
}
