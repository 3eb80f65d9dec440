package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"keytrail/indexer/mirror/gittest"
)

// account is a GitHub Enterprise Server: its API lists what the test says, in the form that is recorded of a real one, and git
// http-backend serves the repositories at the clone URLs of that list.
type account struct {
	t     *testing.T
	url   string
	token string
	root  string // of the served repositories
	like  map[string]any
	git   http.Handler // answers for git

	mu     sync.Mutex
	listed []map[string]any
	status int // of the API's answers; 0: they are well
}

const recordings = "../../../indexer/host/github/testdata/github-enterprise-server/repos-page1.json"

func newAccount(t *testing.T, token string) *account {
	t.Helper()
	body, err := os.ReadFile(recordings)
	if err != nil {
		t.Fatal(err)
	}
	var recorded []map[string]any
	if err := json.Unmarshal(body, &recorded); err != nil {
		t.Fatal(err)
	}
	a := &account{t: t, token: token, root: t.TempDir(), like: recorded[0]}
	a.git = gittest.Backend(t, a.root)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v3/") {
			a.serveAPI(w, r)
			return
		}
		if _, password, _ := r.BasicAuth(); password != token {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		a.git.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	a.url = server.URL
	return a
}

func (a *account) serveAPI(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+a.token:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"message": "Bad credentials: %s"}`, r.Header.Get("Authorization"))
	case a.status != 0:
		w.WriteHeader(a.status)
		fmt.Fprintf(w, `{"message": "not now, %s"}`, r.Header.Get("Authorization"))
	case strings.HasSuffix(r.URL.Path, "/pulls"):
		fmt.Fprint(w, "[]")
	case r.URL.Path != "/api/v3/user/repos":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message": "Not Found"}`)
	default:
		a.servePage(w, r)
	}
}

// servePage answers one page of the list, as large as it is asked for.
func (a *account) servePage(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	page, size := max(atoi(query.Get("page")), 1), atoi(query.Get("per_page"))
	from := min((page-1)*size, len(a.listed))
	to := min(from+size, len(a.listed))
	if to < len(a.listed) {
		query.Set("page", strconv.Itoa(page+1))
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, a.url, r.URL.Path, query.Encode()))
	}
	if err := json.NewEncoder(w).Encode(a.listed[from:to]); err != nil {
		a.t.Error(err)
	}
}

// atoi is a number, 0 for what is none.
func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// fails has the API answer with a status, 0 for as it should.
func (a *account) fails(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status = status
}

// add makes a repository known and serves it.
func (a *account) add(id int, name string, repo *gittest.Repo) {
	a.t.Helper()
	a.serve(name, repo)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listed = append(a.listed, a.object(id, name))
}

// serve serves a repository under a name.
func (a *account) serve(name string, repo *gittest.Repo) {
	a.t.Helper()
	at := filepath.Join(a.root, name+".git")
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Symlink(repo.Path, at); err != nil {
		a.t.Fatal(err)
	}
}

// object is the recorded repository under another id and name.
func (a *account) object(id int, name string) map[string]any {
	o := make(map[string]any, len(a.like))
	for key, value := range a.like {
		o[key] = value
	}
	o["id"], o["full_name"], o["name"] = id, name, filepath.Base(name)
	o["html_url"], o["clone_url"] = a.url+"/"+name, a.url+"/"+name+".git"
	return o
}

// remove takes a repository out of the list.
func (a *account) remove(id int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listed = slices.DeleteFunc(a.listed, func(o map[string]any) bool { return o["id"] == id })
}

// rename gives a repository another name, under which alone it is served from then on.
func (a *account) rename(id int, from, to string, repo *gittest.Repo) {
	a.t.Helper()
	a.serve(to, repo)
	if err := os.Remove(filepath.Join(a.root, from+".git")); err != nil {
		a.t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, o := range a.listed {
		if o["id"] == id {
			a.listed[i] = a.object(id, to)
		}
	}
}
