package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// redirecting makes a server that sends every request to the same path elsewhere, given by base, and counts requests with
// credentials.
func redirecting(t *testing.T, status int, base func(r *http.Request) string) (url string, authorized *atomic.Int64) {
	t.Helper()
	authorized = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			authorized.Add(1)
		}
		w.Header().Set("Location", base(r))
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL, authorized
}

func TestRedirectsOfTheGreetingAreFollowedAndRemembered(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, v := range versions {
			var requests atomic.Int64
			v.serve.Requests = &requests
			target := gittest.Serve(t, repo, v.serve)
			at, _ := redirecting(t, status, func(r *http.Request) string {
				return strings.Replace(target, "://", "://eve:pw@", 1) + strings.TrimPrefix(r.URL.Path, "/old.git") + "?" + r.URL.RawQuery
			})
			c := dial(t, at+"/old.git", Options{})
			list(t, c)
			if pack := fetch(t, c, FetchRequest{Wants: []storage.OID{oid}}); len(pack) < 100 {
				t.Errorf("%s, %d: a pack of %d bytes", name, status, len(pack))
			}
			if c.RedactedURL() != at+"/old.git" {
				t.Errorf("the configured URL became %s", c.RedactedURL())
			}
		}
	}
}

func TestRedirectsWithinTheOriginKeepCredentials(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	moved := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if rest, ok := strings.CutPrefix(r.URL.Path, "/old.git"); ok {
				http.Redirect(w, r, "/repo.git"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	server := gittest.Start(t, filepath.Dir(repo.Path), gittest.Options{User: "bot", Password: password, Middleware: moved})
	c := dial(t, withUser(server.URL+"/old.git"), Options{})
	list(t, c)
	list(t, c)
}

func TestCredentialsNeverLeaveTheirOrigin(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	var leaked atomic.Int64
	target := gittest.Serve(t, repo, gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				leaked.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}})
	at, authorized := redirecting(t, 302, func(r *http.Request) string { return target + "/info/refs?" + r.URL.RawQuery })
	_, err := dial(t, withUser(at+"/r.git"), Options{}).ListRefs(t.Context(), nil)
	wantError(t, err, ErrRedirect, strings.TrimSuffix(target, "/repo.git"), "configure the URL "+target)
	if authorized.Load() != 1 || leaked.Load() != 0 {
		t.Errorf("credentials were sent %d times to their origin, %d times to another", authorized.Load(), leaked.Load())
	}

	// Credentials that appear after an anonymous client was led elsewhere stay at home too.
	var now Credentials
	c := dial(t, at+"/r.git", Options{Credentials: func(context.Context) (Credentials, error) { return now, nil }})
	list(t, c)
	now = Credentials{Username: "bot", Password: password}
	list(t, c)
	if leaked.Load() != 0 {
		t.Error("credentials were sent to another origin")
	}
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	down := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/r.git/info/refs", http.StatusFound))
	defer down.Close()
	_, err := dial(t, down.URL+"/r.git", Options{Transport: down.Client().Transport}).ListRefs(t.Context(), nil)
	wantError(t, err, ErrRedirect, "not encrypted", strings.ToLower(plain.URL))

	n := 0
	for name, to := range map[string]func(*http.Request) string{
		"more than 10 redirects": func(r *http.Request) string { n++; return fmt.Sprintf("/hop%d%s", n, infoRefs) },
		"no http URL":            func(*http.Request) string { return "ftp://127.0.0.1/info/refs" },
		"from http://":           func(*http.Request) string { return "file:///etc/passwd" },
	} {
		at, _ := redirecting(t, 302, to)
		_, err := dial(t, withUser(at+"/r.git"), Options{}).ListRefs(t.Context(), nil)
		wantError(t, err, ErrRedirect, name)
	}
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/elsewhere" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", advertisementType)
		io.WriteString(w, "0000")
	}))
	defer odd.Close()
	_, err = dial(t, odd.URL+"/r.git", Options{}).ListRefs(t.Context(), nil)
	wantError(t, err, ErrRedirect, "does not end with /info/refs")
}

func TestAServerThatMovedOrChangedIsDiscoveredAgain(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	fail := func(w http.ResponseWriter, r *http.Request) { http.Error(w, "moved", http.StatusNotFound) }
	page := func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Type", "text/html") }
	bounce := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/away", http.StatusTemporaryRedirect)
	}
	for name, refuse := range map[string]http.HandlerFunc{"404": fail, "page": page, "redirect": bounce, "version 0": nil} {
		var changed atomic.Bool
		var requests atomic.Int64
		c := dial(t, gittest.Serve(t, repo, gittest.Options{Requests: &requests, Middleware: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if changed.Load() && refuse == nil {
					r.Header.Del("Git-Protocol")
				}
				if changed.Load() && refuse != nil && r.Method == http.MethodPost {
					changed.Store(false)
					refuse(w, r)
					return
				}
				next.ServeHTTP(w, r)
			})
		}}), Options{})
		list(t, c)
		for what, do := range map[string]func(){
			"look":  func() { list(t, c) },
			"fetch": func() { fetch(t, c, FetchRequest{Wants: []storage.OID{oid}, Filter: "tree:0"}) },
		} {
			changed.Store(true)
			requests.Store(0)
			do()
			if n := requests.Load(); n > 3 {
				t.Errorf("%s, %s: %d requests", name, what, n)
			}
			changed.Store(false)
			list(t, c)
		}
	}
}
